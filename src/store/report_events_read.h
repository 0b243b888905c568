/* The counts that a report of events is made of. */
#pragma once

#include "base/macros.h"
#include "event/event.h"
#include "store/report_query.h"

struct report_counts {
    uint64_t n[SOURCE_COUNT][STAGE_COUNT][TYPE_COUNT];
    struct report_found found; /* when, only where the filter has not both bounds */
};

/* Of the events that the filter keeps. */
int report_events_count(struct db *db, const struct report_filter *f, struct report_counts *ret,
                        struct strbuf *err) MUST_CHECK;
