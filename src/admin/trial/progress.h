/* A progress bar on standard error, if that is a terminal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

struct progress {
    bool terminal;
    uint64_t drawn_usec;
};

void progress_start(struct progress *p);
/* Draws it, at most ten times a second. */
void progress_show(struct progress *p, const char *what, uint64_t done, uint64_t total,
                   const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Wipes it, so that what is printed next has the line. */
void progress_clear(const struct progress *p);
