/*
 * A range of time as what reports read: whole buckets of rollups, the coarsest that fit, and what
 * is left at the ends, which only the events themselves tell.
 *
 * Buckets are spans of UTC time; a grain is a bucket's length in minutes, and each is a multiple of
 * the next finer one.
 */
#pragma once

#include <stdint.h>

enum report_grain {
    GRAIN_RAW = 0, /* from the events */
    GRAIN_MINUTE = 1,
    GRAIN_QUARTER = 15,
    GRAIN_HOUR = 60,
    GRAIN_DAY = 1440,
};

/* Which buckets a table has, coarsest first. */
struct report_grains {
    int count;
    enum report_grain grain[3];
};
extern const struct report_grains report_grains_counts; /* event_counts, revenue_totals */
extern const struct report_grains report_grains_cubes;  /* cube_totals, user_activity */

/* Half-open: from <= timestamp < to. */
struct report_span {
    int64_t from_usec, to_usec;
};

struct report_piece {
    enum report_grain grain;
    struct report_span span; /* never empty; bounds are multiples of the grain */
};

/* A piece in the middle, and for each finer grain and the events one before and one behind it. */
#define REPORT_PIECES_MAX 7
struct report_pieces {
    int count;
    struct report_piece piece[REPORT_PIECES_MAX]; /* in the order of time, without gaps */
};

/* Pieces that make up the span; none of an empty one. At most two of them are raw, each shorter
 * than the finest bucket, or a single one shorter than two of them. */
void report_range_split(struct report_span span, const struct report_grains *grains,
                        struct report_pieces *ret);
