/*
 * The report queries: exact answers as JSON. The caller holds one view of the database for each
 * (store/snapshot.h), and has checked the filters (types and ranges); here they become parameters,
 * never SQL text.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "event/event.h"
#include "store/db.h"

struct report_filter {
    bool has_from, has_to;
    int64_t from_usec, to_usec; /* half-open: from <= timestamp < to */
    int source, stage, type;    /* enum values, -1 = all */
    struct span campaign_id;    /* ptr NULL = all; "unknown" = those without */
    char currency[4];           /* "" = the default currency */
    const char *default_currency;
};

/* Each writes the JSON object of the answer's `data` (docs/http-api.md) to *out. 0 or a db_outcome;
 * DB_RETRY also when the query was cancelled or passed the statement timeout; -ENOBUFS when the
 * answer does not fit *out. Maps hold the names with a count, sorted; buckets of ages and followers
 * are always all there; lists of ten are sorted by count, then name. timeRange gives a bound as
 * asked for, and where none was, the earliest or latest event counted. */
int report_events(struct db *db, const struct report_filter *f, struct strbuf *out,
                  struct strbuf *err) MUST_CHECK;
int report_revenue(struct db *db, const struct report_filter *f, struct strbuf *out,
                   struct strbuf *err) MUST_CHECK;
int report_demographics(struct db *db, const struct report_filter *f, struct strbuf *out,
                        struct strbuf *err) MUST_CHECK;
