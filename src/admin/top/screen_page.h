/* A page that is being filled, and its parts. Private to the screen. */
#pragma once

#include "admin/top/screen.h"

struct page {
    struct canvas *c;
    const struct model *m;
    const struct screen_options *options;
    unsigned row; /* the next one */
};

#define PAGE_PROCESS_WIDTH 16 /* of the column of names */

/* The flow of events: all, by source, and totals. */
void page_flows(struct page *p);
/* Each process; those that are not ready first, where not all fit. */
void page_processes(struct page *p);
