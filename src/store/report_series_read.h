/* The sums that a series is made of. */
#pragma once

#include "base/macros.h"
#include "store/report_calendar.h"
#include "store/report_facts.h"
#include "store/report_money.h"

struct report_series_row {
    int slot;         /* number of the bucket */
    struct span name; /* of the group; "" without groups */
    uint64_t count;
    report_money cents;
};

/* In the order of buckets, then names; each name once in a bucket. */
struct report_series {
    struct report_series_row *rows; /* owned */
    size_t count, size;
    PGresult *result; /* holds texts that the cache does not */
};

/* By at most one dimension. *ret is to be released whatever came of it. */
int report_series_read(struct db *db, const struct report_facts *facts,
                       const struct report_buckets *buckets, struct report_series *ret,
                       struct strbuf *err) MUST_CHECK;
void report_series_release(struct report_series *s);
