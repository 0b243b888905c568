/* The small growing arrays beside the cache: sums by name, stamps by day. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/report_cache.h"

void report_sums_release(struct report_sums *s)
{
    free(s->counts);
    free(s->cents);
    *s = (struct report_sums){ 0 };
}

void report_sums_clear(struct report_sums *s)
{
    if (!s->size)
        return;
    memset(s->counts, 0, s->size * sizeof(*s->counts));
    memset(s->cents, 0, s->size * sizeof(*s->cents));
}

static int reserve_sums(struct report_sums *s, uint32_t name)
{
    size_t size = MAX(s->size * 2, (size_t)64);
    uint64_t *counts;
    report_money *cents;

    while (size <= name)
        size *= 2;
    counts = realloc(s->counts, size * sizeof(*counts));
    if (counts)
        s->counts = counts;
    cents = realloc(s->cents, size * sizeof(*cents));
    if (cents)
        s->cents = cents;
    if (!counts || !cents)
        return -ENOMEM;
    memset(counts + s->size, 0, (size - s->size) * sizeof(*counts));
    memset(cents + s->size, 0, (size - s->size) * sizeof(*cents));
    s->size = size;
    return 0;
}

int64_t report_unit_usec(enum report_level level)
{
    return level == LEVEL_HOUR ? 3600 * USEC_PER_SEC : USEC_PER_DAY;
}

uint32_t report_cell_at(const struct report_unit *unit, int64_t usec)
{
    const int64_t since = usec - unit->start_usec;

    return (uint32_t)(unit->level == LEVEL_HOUR ? since : since / (60 * USEC_PER_SEC));
}

/* The first cell that is not earlier. Spans begin and end with buckets, where those have minutes.
 */
static size_t first_from(const struct report_unit *unit, const struct report_cell *cells,
                         size_t count, int64_t usec)
{
    size_t low = 0, high = count;
    uint32_t at;

    if (usec <= unit->start_usec)
        return 0;
    if (usec - unit->start_usec >= report_unit_usec(unit->level))
        return count;
    at = report_cell_at(unit, usec);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (cells[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int report_sums_add(struct report_sums *s, const struct report_unit *unit,
                    const struct report_cell *cells, size_t count, struct report_span span)
{
    size_t end = first_from(unit, cells, count, span.to_usec);

    for (size_t i = first_from(unit, cells, count, span.from_usec); i < end; i++) {
        const struct report_cell *cell = &cells[i];

        if (cell->name >= s->size && reserve_sums(s, cell->name) < 0)
            return -ENOMEM;
        s->counts[cell->name] += cell->count;
        s->cents[cell->name] += cell->cents;
    }
    return 0;
}

void report_stamps_release(struct report_stamps *s)
{
    free(s->stamp);
    *s = (struct report_stamps){ 0 };
}

int report_stamps_add(struct report_stamps *s, int64_t day_usec, uint64_t stamp)
{
    if (s->count == s->size) {
        size_t size = MAX(s->size * 2, (size_t)64);
        struct report_stamp *more = realloc(s->stamp, size * sizeof(*more));

        if (!more)
            return -ENOMEM;
        s->stamp = more;
        s->size = size;
    }
    s->stamp[s->count++] = (struct report_stamp){ day_usec, stamp };
    return 0;
}
