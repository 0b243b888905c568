/*
 * What the reports of a process have read of the rollups and would read again: the cells of whole
 * days, of the quarters or hours of a day, of the minutes or events of an hour. It saves
 * reading, never answers by itself: a unit counts only under the stamp that the report's own view
 * of the database gives its day (report_cells.c), so that a report with it is as exact as without.
 *
 * Bounded in bytes; what was not used for the longest goes first. Any thread may call.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "store/report_facts.h"
#include "store/report_money.h"
#include "store/report_range.h"

/* What cells are about, and the parts of their names. */
enum report_content {
    CONTENT_EVENTS,    /* source, stage, type */
    CONTENT_REVENUE,   /* source, "", currency */
    CONTENT_CAMPAIGNS, /* the same by campaign: source, campaign, currency */
    CONTENT_COUNT
};
#define REPORT_PARTS 3

/* What the stamps of its days are made of. */
enum report_subject report_content_subject(enum report_content content);
/* The buckets that it is read from. */
const struct report_grains *report_content_grains(enum report_content content);

/* The number of a name, the same for ever. -ENOMEM or -ENOBUFS: the report goes without the cache.
 */
int report_cache_name(struct report_cache *cache, enum report_content content,
                      const struct span parts[static REPORT_PARTS], uint32_t *ret) MUST_CHECK;

enum report_level {
    LEVEL_DAY,   /* a cell a name */
    LEVEL_STEPS, /* a day's quarters or hours */
    LEVEL_HOUR,  /* an hour's minutes or events */
    LEVEL_COUNT
};

/* How long a unit is. */
int64_t report_unit_usec(enum report_level level);

struct report_unit {
    enum report_content content;
    enum report_level level;
    int64_t start_usec;
    uint64_t stamp; /* of its day */
};

/* There are millions: no byte is wasted. */
struct report_cell {
    int64_t cents;
    uint32_t at; /* its bucket's beginning, or its own time: report_cell_at() */
    uint32_t name;
    uint32_t count;
} __attribute__((packed));

/* A time in a unit: microseconds since the start of an hour, or minutes since that of a day. */
uint32_t report_cell_at(const struct report_unit *unit, int64_t usec);

/* Sums by the number of a name. */
struct report_sums {
    size_t size; /* numbers below it */
    uint64_t *counts;
    report_money *cents;
};

void report_sums_release(struct report_sums *s);
/* Back to nothing, for other sums. */
void report_sums_clear(struct report_sums *s);
#define _cleanup_sums_ _cleanup_(report_sums_release)
/* Adds the unit's cells of the span; they MUST be in the order of time. 0 or -ENOMEM. */
int report_sums_add(struct report_sums *s, const struct report_unit *unit,
                    const struct report_cell *cells, size_t count,
                    struct report_span span) MUST_CHECK;

/* Adds what the unit has in the span; *ret_found = false when it is not there under that stamp. */
int report_cache_sum(struct report_cache *cache, const struct report_unit *unit,
                     struct report_span span, struct report_sums *sums, bool *ret_found) MUST_CHECK;
/* Whether it is there under that stamp. */
bool report_cache_has(struct report_cache *cache, const struct report_unit *unit);
/* Keeps the cells (from malloc(), in the order of time, the cache's from now on), or not, when
 * there is no room. */
void report_cache_put(struct report_cache *cache, const struct report_unit *unit,
                      struct report_cell *cells, size_t count);

/* The names that have a count, in the order of the second part, then the first and the third. The
 * texts live as long as the cache. */
struct report_row {
    struct span part[REPORT_PARTS];
    uint64_t count;
    report_money cents;
};
int report_cache_rows(struct report_cache *cache, enum report_content content,
                      const struct report_sums *sums, struct report_row **ret_rows,
                      size_t *ret_count) MUST_CHECK;

/* What tells the versions of a day apart; days without events have none. In the order of time. */
struct report_stamp {
    int64_t day_usec;
    uint64_t stamp;
};
struct report_stamps {
    size_t count, size;
    struct report_stamp *stamp;
};

void report_stamps_release(struct report_stamps *s);
#define _cleanup_stamps_ _cleanup_(report_stamps_release)
int report_stamps_add(struct report_stamps *s, int64_t day_usec, uint64_t stamp) MUST_CHECK;

/* The stamps of the days of a span as some other report with the same view of the database has read
 * them: views with the same number see the same. *ret_found = false when none has. */
int report_cache_stamps(struct report_cache *cache, enum report_subject subject, uint64_t view,
                        struct report_span days, struct report_stamps *ret,
                        bool *ret_found) MUST_CHECK;
/* Keeps those of the span for others; forgets those of another view. Takes them over. */
void report_cache_put_stamps(struct report_cache *cache, enum report_subject subject, uint64_t view,
                             struct report_span days, struct report_stamps *stamps);
