#include "store/report_range.h"

#include <stdbool.h>

#include "base/clock.h"
#include "base/macros.h"

const struct report_grains report_grains_counts = { 3, { GRAIN_DAY, GRAIN_QUARTER, GRAIN_MINUTE } };
const struct report_grains report_grains_cubes = { 2, { GRAIN_DAY, GRAIN_HOUR } };

/* The last bound of a bucket that is not later. */
static int64_t round_down(int64_t usec, int64_t step)
{
    int64_t rest = usec % step;

    return rest < 0 ? usec - rest - step : usec - rest;
}

static int64_t round_up(int64_t usec, int64_t step)
{
    return -round_down(-usec, step);
}

static void add(struct report_pieces *p, enum report_grain grain, int64_t from, int64_t to)
{
    if (from < to)
        p->piece[p->count++] = (struct report_piece){ grain, { from, to } };
}

/* The part of the span that whole buckets of a grain make up. */
static bool whole_buckets(struct report_span span, enum report_grain grain,
                          struct report_span *ret_whole)
{
    const int64_t step = grain * 60 * USEC_PER_SEC;

    ret_whole->from_usec = round_up(span.from_usec, step);
    ret_whole->to_usec = round_down(span.to_usec, step);
    return ret_whole->from_usec < ret_whole->to_usec;
}

void report_range_split(struct report_span span, const struct report_grains *grains,
                        struct report_pieces *ret)
{
    struct report_span nested[ARRAY_SIZE(grains->grain) + 1] = { span };
    enum report_grain used[ARRAY_SIZE(grains->grain) + 1] = { GRAIN_RAW };
    int depth = 0;

    /* From the finest grain, which covers the most, inwards. */
    for (int i = grains->count - 1; i >= 0; i--)
        if (whole_buckets(span, grains->grain[i], &nested[depth + 1]))
            used[++depth] = grains->grain[i];
    ret->count = 0;
    for (int i = 0; i < depth; i++)
        add(ret, used[i], nested[i].from_usec, nested[i + 1].from_usec);
    add(ret, used[depth], nested[depth].from_usec, nested[depth].to_usec);
    for (int i = depth - 1; i >= 0; i--)
        add(ret, used[i], nested[i + 1].to_usec, nested[i].to_usec);
}
