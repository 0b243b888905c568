/*
 * The buckets of a series: spans between bounds of wall-clock time in a zone.
 *
 * The zone comes as the moments at which its offset changes. A day lasts from the last moment at
 * which it was not yet that date, so that 23 and 25 hours occur, and a skipped date has no bucket.
 * Hours and minutes end where the offset changes too: a repeated hour is two buckets.
 */
#pragma once

#include <stdint.h>

#include "base/json_out.h"
#include "base/macros.h"
#include "store/report.h"
#include "store/report_range.h"

#define REPORT_BUCKETS_MAX 10000
/* The offset must be known so long before and behind the range. */
#define REPORT_ZONE_MARGIN_USEC (40 * USEC_PER_DAY)

/* From then on the offset holds. The first one lies REPORT_ZONE_MARGIN_USEC before the range or
 * earlier, those that follow are in the order of time. */
struct report_offset {
    int64_t since_usec;
    int32_t offset_sec; /* local time less UTC */
};

struct report_zone {
    struct report_offset *offsets;
    int count;
};

struct report_bucket {
    int64_t start_usec; /* where it begins, also when that is before the range */
    int32_t offset_sec;
    struct report_span span; /* its part of the range */
};

struct report_buckets {
    struct report_bucket *bucket; /* owned */
    int count;
};

/* The buckets that the range touches, in the order of time. 0; -EDOM when there would be more than
 * REPORT_BUCKETS_MAX; -ENOMEM. */
int report_calendar(enum report_interval interval, const struct report_zone *zone,
                    struct report_span range, struct report_buckets *ret) MUST_CHECK;
void report_buckets_release(struct report_buckets *b);

/* "2026-10-20T05:00:00+05:45". */
void report_local_time_write(struct json_out *j, int64_t usec, int32_t offset_sec);
