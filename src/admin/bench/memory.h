/* Memory that is as a server finds it that has run for long. */
#pragma once

#include "admin/bench/bench.h"

/* Takes free memory, half of what the machine has at most, writes to every page and gives it back;
 * stops after half a minute. A virtual machine's hypervisor backs a page when it is first written,
 * and takes back what stays free: until the page cache has filled, files are written at a tenth of
 * the speed. */
void bench_touch_memory(struct bench *b);
