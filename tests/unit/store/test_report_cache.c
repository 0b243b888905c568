/* The cache gives back what was put, under the same stamp only, and stays within its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/report_cache.h"

#define CELLS 100
#define CACHE_BYTES (64 * 1024)

static const struct report_span always = { INT64_MIN, INT64_MAX };

static struct report_unit unit_of(int64_t day, uint64_t stamp)
{
    return (struct report_unit){ CONTENT_CAMPAIGNS, LEVEL_HOUR, day * USEC_PER_DAY, stamp };
}

/* So many cells, one a microsecond from the start of the unit on, each of 2 transactions. */
static void put(struct report_cache *cache, struct report_unit unit, size_t count, uint32_t name)
{
    struct report_cell *cells = calloc(count + 1, sizeof(*cells));

    assert_non_null(cells);
    for (size_t i = 0; i < count; i++)
        cells[i] =
            (struct report_cell){ .cents = 150, .at = (uint32_t)i, .name = name, .count = 2 };
    report_cache_put(cache, &unit, cells, count);
}

static bool sum(struct report_cache *cache, struct report_unit unit, struct report_span span,
                uint32_t name, uint64_t *ret_count)
{
    _cleanup_sums_ struct report_sums sums = { 0 };
    bool found;

    assert_int_equal(report_cache_sum(cache, &unit, span, &sums, &found), 0);
    *ret_count = name < sums.size ? sums.counts[name] : 0;
    assert_true(name >= sums.size || sums.cents[name] == (report_money)*ret_count * 75);
    return found;
}

static bool has(struct report_cache *cache, struct report_unit unit)
{
    return report_cache_has(cache, &unit);
}

static void only_the_same_stamp_counts(void **state UNUSED)
{
    struct report_cache *cache = report_cache_new(CACHE_BYTES);
    uint64_t count;

    assert_false(sum(cache, unit_of(1, 5), always, 0, &count));
    put(cache, unit_of(1, 5), CELLS, 3);
    assert_true(has(cache, unit_of(1, 5)));
    assert_false(has(cache, unit_of(1, 6)));
    assert_false(has(cache, unit_of(2, 5)));
    assert_true(sum(cache, unit_of(1, 5), always, 3, &count));
    assert_int_equal(count, 2 * CELLS);
    assert_false(sum(cache, unit_of(1, 6), always, 3, &count));
    assert_false(sum(cache, unit_of(2, 5), always, 3, &count));
    put(cache, unit_of(1, 6), CELLS / 2, 3);
    assert_true(sum(cache, unit_of(1, 6), always, 3, &count));
    assert_int_equal(count, CELLS);
    assert_false(sum(cache, unit_of(1, 5), always, 3, &count));
    (void)report_cache_free(cache);
}

static void a_part_of_a_unit(void **state UNUSED)
{
    struct report_cache *cache = report_cache_new(CACHE_BYTES);
    const struct report_unit unit = unit_of(1, 5);
    uint64_t count;

    put(cache, unit, CELLS, 0);
    for (int64_t from = -1; from < CELLS + 1; from += 7)
        for (int64_t to = from; to < CELLS + 2; to += 5) {
            const struct report_span span = { unit.start_usec + from, unit.start_usec + to };
            assert_true(sum(cache, unit, span, 0, &count));
            assert_int_equal(count, 2 * MAX(MIN(to, CELLS) - MAX(from, 0), 0));
        }
    (void)report_cache_free(cache);
}

/* The cells of a day tell the minute: those of an hour, the microsecond. */
static void times_in_a_unit(void **state UNUSED)
{
    struct report_unit day = unit_of(3, 1), hour = unit_of(3, 1);

    day.level = LEVEL_STEPS;
    hour.start_usec += 23 * 3600 * USEC_PER_SEC;
    assert_int_equal(report_cell_at(&day, day.start_usec), 0);
    assert_int_equal(report_cell_at(&day, 4 * USEC_PER_DAY - 1), 24 * 60 - 1);
    assert_int_equal(report_cell_at(&hour, 4 * USEC_PER_DAY - 1), 3600 * USEC_PER_SEC - 1);
}

/* What was used last stays; what is too large to be kept is not. */
static void it_stays_within_its_bytes(void **state UNUSED)
{
    struct report_cache *cache = report_cache_new(CACHE_BYTES);
    uint64_t count;
    int kept = 0;

    for (int day = 0; day < 100; day++) {
        put(cache, unit_of(day, 1), CELLS, 0);
        assert_true(sum(cache, unit_of(0, 1), always, 0, &count));
    }
    for (int day = 0; day < 100; day++)
        kept += sum(cache, unit_of(day, 1), always, 0, &count);
    assert_in_range(kept, CACHE_BYTES / (sizeof(struct report_cell) * CELLS) / 2,
                    CACHE_BYTES / (sizeof(struct report_cell) * CELLS));
    put(cache, unit_of(200, 1), CACHE_BYTES / sizeof(struct report_cell), 0);
    assert_false(sum(cache, unit_of(200, 1), always, 0, &count));
    (void)report_cache_free(cache);
}

static void names_are_numbered_once_and_come_in_order(void **state UNUSED)
{
    struct report_cache *cache = report_cache_new(1 << 21);
    _cleanup_sums_ struct report_sums sums = { 0 };
    _cleanup_free_ struct report_row *rows = NULL;
    const struct report_unit unit = unit_of(1, 1);
    struct report_cell cell = { .count = 1 };
    uint32_t name, again;
    size_t count;

    for (int i = 2999; i >= 0; i--) {
        char text[16];
        struct span parts[] = { SPAN("facebook"), { text, 0 }, SPAN("USD") };

        parts[1].len = (size_t)snprintf(text, sizeof(text), "c%04d", i);
        assert_int_equal(report_cache_name(cache, CONTENT_CAMPAIGNS, parts, &name), 0);
        assert_int_equal(name, 2999 - i);
        cell.name = name;
        assert_int_equal(report_cache_name(cache, CONTENT_CAMPAIGNS, parts, &again), 0);
        assert_int_equal(again, name);
        if (i % 2)
            assert_int_equal(report_sums_add(&sums, &unit, &cell, 1, always), 0);
    }
    assert_int_equal(report_cache_rows(cache, CONTENT_CAMPAIGNS, &sums, &rows, &count), 0);
    assert_int_equal(count, 1500);
    for (size_t i = 0; i + 1 < count; i++)
        assert_true(span_cmp(rows[i].part[1], rows[i + 1].part[1]) < 0);
    (void)report_cache_free(cache);
}

static void names_that_do_not_fit_are_refused(void **state UNUSED)
{
    struct report_cache *cache = report_cache_new(CACHE_BYTES);
    char text[200];
    int r = 0;

    for (int i = 0; i < 10000 && r == 0; i++) {
        const struct span parts[] = { SPAN("facebook"), { text, sizeof(text) }, SPAN("USD") };
        uint32_t name;

        memset(text, 'x', sizeof(text));
        (void)snprintf(text, sizeof(text), "%d", i);
        r = report_cache_name(cache, CONTENT_CAMPAIGNS, parts, &name);
    }
    assert_true(r < 0);
    (void)report_cache_free(cache);
}

static bool stamps(struct report_cache *cache, uint64_t view, int64_t from, int64_t to,
                   size_t *ret_count)
{
    _cleanup_stamps_ struct report_stamps s = { 0 };
    bool found;

    assert_int_equal(report_cache_stamps(cache, SUBJECT_EVENTS, view,
                                         (struct report_span){ from, to }, &s, &found),
                     0);
    *ret_count = s.count;
    return found;
}

static void stamps_are_those_of_a_view(void **state UNUSED)
{
    struct report_cache *cache = report_cache_new(CACHE_BYTES);
    struct report_stamps s = { 0 };
    size_t count;

    for (int64_t day = 10; day < 20; day++)
        assert_int_equal(report_stamps_add(&s, day, 1), 0);
    report_cache_put_stamps(cache, SUBJECT_EVENTS, 7, (struct report_span){ 5, 25 }, &s);
    assert_true(stamps(cache, 7, 5, 25, &count));
    assert_int_equal(count, 10);
    assert_true(stamps(cache, 7, 18, 22, &count));
    assert_int_equal(count, 2);
    assert_false(stamps(cache, 7, 4, 22, &count));
    assert_false(stamps(cache, 8, 18, 22, &count));
    assert_false(stamps(cache, 0, 18, 22, &count));
    report_cache_put_stamps(cache, SUBJECT_EVENTS, 8, (struct report_span){ 5, 25 }, &s);
    assert_true(stamps(cache, 8, 5, 25, &count));
    assert_int_equal(count, 0);
    assert_false(stamps(cache, 7, 5, 25, &count));
    (void)report_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_same_stamp_counts),
        cmocka_unit_test(a_part_of_a_unit),
        cmocka_unit_test(times_in_a_unit),
        cmocka_unit_test(it_stays_within_its_bytes),
        cmocka_unit_test(names_are_numbered_once_and_come_in_order),
        cmocka_unit_test(names_that_do_not_fit_are_refused),
        cmocka_unit_test(stamps_are_those_of_a_view),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
