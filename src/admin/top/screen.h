/* What top shows, laid out for a page of any size. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "admin/top/canvas.h"
#include "admin/top/model.h"

struct screen_options {
    const char *about; /* what is looked at: a data directory, or "roles of --target" */
    uint64_t interval_usec;
    bool paused;
    bool help; /* explain keys and columns instead */
    unsigned complaints_max;
};

/* Fills the page; returns the rows that are used. */
unsigned screen_draw(struct canvas *c, const struct model *m, const struct screen_options *options);
