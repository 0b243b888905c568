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

/* How long the buckets of a series are, in the wall-clock time of its zone. */
enum report_interval {
    INTERVAL_NONE,
    INTERVAL_MINUTE,
    INTERVAL_HOUR,
    INTERVAL_DAY,
    INTERVAL_WEEK,
    INTERVAL_MONTH,
    INTERVAL_COUNT
};

enum report_dimension {
    DIMENSION_SOURCE,
    DIMENSION_STAGE,
    DIMENSION_TYPE,
    DIMENSION_CAMPAIGN,
    DIMENSION_COUNTRY,
    DIMENSION_DEVICE,
    DIMENSION_COUNT
};
/* As they are called in parameters and answers. */
extern const char *const report_dimension_names[DIMENSION_COUNT];

/* What a list of campaigns is sorted by. */
enum report_sort {
    SORT_REVENUE,
    SORT_ORDERS,
    SORT_BUYERS,
    SORT_AVERAGE,
    SORT_CLICKS,
    SORT_CAMPAIGN,
    SORT_COUNT
};
extern const char *const report_sort_names[SORT_COUNT];

/* A place in a list of events, newest first: behind this one. */
struct report_place {
    bool given;
    int64_t timestamp_usec;
    struct event_key key;
};

#define REPORT_GROUPS_MAX 2
#define REPORT_ZONE_MAX 63

struct report_filter {
    bool has_from, has_to;
    int64_t from_usec, to_usec; /* half-open: from <= timestamp < to */
    int source, stage, type;    /* enum values, -1 = all */
    struct span campaign_id;    /* ptr NULL = all; "unknown" = those without */
    char currency[4];           /* "" = the default currency */
    const char *default_currency;
    enum report_interval interval;      /* adds the series */
    char timezone[REPORT_ZONE_MAX + 1]; /* of the series; "" = UTC */
    int group_count;                    /* 0 = no groups */
    enum report_dimension group_by[REPORT_GROUPS_MAX];
    uint32_t group_limit;
    bool compare;           /* adds the range of the same length before; both bounds are given */
    uint32_t limit, offset; /* of a list's rows */
    enum report_sort sort;
    bool ascending;
    struct report_place before;
    struct span id; /* of the user, the event or the request asked for */
};

/* What reports have read and would read again (store/report_cache.h): one for all connections of a
 * process, for db_options.report_cache. Answers are the same without. */
struct report_cache *report_cache_new(size_t max_bytes);
struct report_cache *report_cache_free(struct report_cache *cache);

/* Each writes the JSON object of the answer's `data` (docs/http-api.md) to *out. 0 or a db_outcome;
 * DB_RETRY also when the query was cancelled or passed the statement timeout; -ENOBUFS when the
 * answer does not fit *out; -EDOM when the filters ask for what there is not (a time zone, too many
 * buckets), *err naming the parameter for the client. Maps hold the names with a count, sorted;
 * buckets of ages and followers are always all there; lists of ten are sorted by count, then name.
 * timeRange gives a bound as asked for, and where none was, the earliest or latest event counted.
 * -ENOENT when there is no such user or event, or nothing is known of such a request, *err saying
 * so for the client. */
int report_events(struct db *db, const struct report_filter *f, struct strbuf *out,
                  struct strbuf *err) MUST_CHECK;
int report_revenue(struct db *db, const struct report_filter *f, struct strbuf *out,
                   struct strbuf *err) MUST_CHECK;
int report_demographics(struct db *db, const struct report_filter *f, struct strbuf *out,
                        struct strbuf *err) MUST_CHECK;
int report_funnel(struct db *db, const struct report_filter *f, struct strbuf *out,
                  struct strbuf *err) MUST_CHECK;
int report_campaigns(struct db *db, const struct report_filter *f, struct strbuf *out,
                     struct strbuf *err) MUST_CHECK;
int report_user(struct db *db, const struct report_filter *f, struct strbuf *out,
                struct strbuf *err) MUST_CHECK;
int report_event(struct db *db, const struct report_filter *f, struct strbuf *out,
                 struct strbuf *err) MUST_CHECK;
int report_requests(struct db *db, const struct report_filter *f, struct strbuf *out,
                    struct strbuf *err) MUST_CHECK;
