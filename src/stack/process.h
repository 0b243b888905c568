/* What /proc knows of a process. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"

/* When it started, in clock ticks since boot: with the pid it names one process and no later one. 0
 * when there is no such process, or it has ended already (a zombie). */
uint64_t process_birth(pid_t pid);
