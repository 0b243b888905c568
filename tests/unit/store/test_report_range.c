/* Ranges as buckets and ends: whatever the range, the pieces are it, and each is what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/macros.h"
#include "store/report_range.h"

#define MINUTE (60 * USEC_PER_SEC)
#define DAY_ONE (INT64_C(20741) * USEC_PER_DAY) /* 2026-10-15 */

static void check_raw(const struct report_pieces *p, int64_t finest)
{
    int raw = 0;
    int64_t length = 0;

    for (int i = 0; i < p->count; i++) {
        if (p->piece[i].grain != GRAIN_RAW)
            continue;
        raw++;
        length = MAX(length, p->piece[i].span.to_usec - p->piece[i].span.from_usec);
    }
    assert_in_range(raw, 0, 2);
    assert_true(length < (raw == 1 && p->count == 1 ? 2 * finest : finest));
}

/* Disjoint, in order, without a gap from one bound to the other; aligned to their grain; and where
 * a coarser bucket fits, it is used: the pieces rise to the coarsest and fall again. */
static void check(int64_t from, int64_t to, const struct report_grains *grains)
{
    struct report_pieces p;
    int64_t at = from;
    int turns = 0;

    report_range_split((struct report_span){ from, to }, grains, &p);
    assert_in_range(p.count, from < to ? 1 : 0, from < to ? 2 * grains->count + 1 : 0);
    for (int i = 0; i < p.count; i++) {
        const struct report_piece *piece = &p.piece[i];
        assert_true(piece->span.from_usec == at && piece->span.to_usec > at);
        at = piece->span.to_usec;
        if (piece->grain != GRAIN_RAW) {
            assert_true(piece->span.from_usec % (piece->grain * MINUTE) == 0);
            assert_true(piece->span.to_usec % (piece->grain * MINUTE) == 0);
        }
        if (i > 0)
            assert_true(piece->grain != p.piece[i - 1].grain);
        if (i > 0 && turns == 0 && piece->grain < p.piece[i - 1].grain)
            turns = 1;
        else if (i > 0 && turns == 1)
            assert_true(piece->grain < p.piece[i - 1].grain);
        for (int g = 0; g < grains->count && grains->grain[g] > piece->grain; g++) {
            int64_t step = grains->grain[g] * MINUTE;
            int64_t first = piece->span.from_usec / step * step;
            if (first < piece->span.from_usec)
                first += step;
            assert_true(first + step > piece->span.to_usec);
        }
    }
    assert_true(at == MAX(from, to) || p.count == 0);
    check_raw(&p, grains->grain[grains->count - 1] * MINUTE);
}

static void check_both(int64_t from, int64_t to)
{
    check(from, to, &report_grains_counts);
    check(from, to, &report_grains_cubes);
}

static void test_edges(void **state UNUSED)
{
    static const int64_t steps[] = { 1,           MINUTE,       15 * MINUTE,
                                     60 * MINUTE, USEC_PER_DAY, 2 * USEC_PER_DAY };

    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        for (size_t k = 0; k < ARRAY_SIZE(steps); k++)
            for (int64_t off = -1; off <= 1; off++) {
                check_both(DAY_ONE + off, DAY_ONE + off + steps[i]);
                check_both(DAY_ONE - steps[k] + off, DAY_ONE + steps[i]);
                check_both(DAY_ONE - steps[k], DAY_ONE + steps[i] + off);
            }
    check_both(DAY_ONE, DAY_ONE);
}

static int64_t random_time(unsigned *seed)
{
    static const int64_t steps[] = {
        1, USEC_PER_SEC, MINUTE, 15 * MINUTE, 60 * MINUTE, USEC_PER_DAY
    };
    int64_t step = steps[(unsigned)rand_r(seed) % ARRAY_SIZE(steps)];
    int64_t usec = (int64_t)rand_r(seed) * rand_r(seed) % (4 * USEC_PER_DAY);

    return DAY_ONE + usec / step * step;
}

static void test_random_ranges(void **state UNUSED)
{
    unsigned seed = 5;

    for (int i = 0; i < 20000; i++) {
        int64_t a = random_time(&seed), b = random_time(&seed);
        check_both(MIN(a, b), MAX(a, b));
    }
}

static void test_before_the_epoch(void **state UNUSED)
{
    struct report_pieces p;

    report_range_split((struct report_span){ -190 * MINUTE, -1 }, &report_grains_cubes, &p);
    assert_int_equal(p.count, 3);
    assert_true(p.piece[1].grain == GRAIN_HOUR);
    assert_true(p.piece[1].span.from_usec == -180 * MINUTE);
    assert_true(p.piece[1].span.to_usec == -60 * MINUTE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_random_ranges),
        cmocka_unit_test(test_before_the_epoch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
