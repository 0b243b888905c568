/* top on a terminal: shows what the sampler brings, follows keys, signals and the window's size. */
#pragma once

#include <stdint.h>

#include "admin/top/sample.h"
#include "base/macros.h"

/* Until it is left; the terminal is then as it was. <0 with *err. */
int live_run(const struct sample_options *options, const char *about, uint64_t interval_usec,
             struct strbuf *err) MUST_CHECK;
