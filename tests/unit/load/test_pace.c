/* Rates over time, against sums made step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "base/clock.h"
#include "base/macros.h"
#include "load/pace.h"

static void due_is_the_sum_of_rates(void **state)
{
    static const struct {
        double low, high;
        uint64_t seconds;
        double expected;
    } cases[] = {
        { 50, 50, 1, 50 },     { 50, 50, 600, 30000 }, { 10, 100, 60, 3300 },
        { 10, 100, 30, 1650 }, { 10, 100, 120, 6600 }, { 0.5, 0.5, 10, 5 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct pace p;
        double sum = 0;

        pace_start(&p, cases[i].low, cases[i].high, 1000);
        for (uint64_t ms = 0; ms < cases[i].seconds * 1000; ms++)
            sum += pace_rate(&p, 1000 + ms * 1000 + 500) / 1000;
        assert_true(fabs(sum - cases[i].expected) < 0.01);
        assert_true(
            fabs((double)pace_due(&p, 1000 + cases[i].seconds * 1000000) - cases[i].expected) <= 1);
    }
}

static void rates_stay_within(void **state)
{
    struct pace p;
    double low = 1e9, high = 0;

    (void)state;
    pace_start(&p, 10, 100, 0);
    for (uint64_t now = 0; now < 2 * PACE_PERIOD_USEC; now += 100000) {
        low = fmin(low, pace_rate(&p, now));
        high = fmax(high, pace_rate(&p, now));
    }
    assert_true(fabs(low - 10) < 0.01);
    assert_true(fabs(high - 100) < 0.01);
}

static void a_stall_is_forgiven(void **state)
{
    struct pace p;

    (void)state;
    pace_start(&p, 100, 100, 0);
    pace_forgive(&p, 10 * USEC_PER_SEC, /* sent= */ 1000, /* backlog= */ 20);
    assert_int_equal(pace_due(&p, 10 * USEC_PER_SEC), 1000); /* nothing was late */
    pace_forgive(&p, 60 * USEC_PER_SEC, /* sent= */ 1000, /* backlog= */ 20);
    assert_int_equal(pace_due(&p, 60 * USEC_PER_SEC), 1020);
    assert_int_equal(pace_due(&p, 61 * USEC_PER_SEC), 1120);
}

static void no_limit(void **state)
{
    struct pace p;

    (void)state;
    pace_start(&p, 0, 0, 5);
    assert_true(pace_due(&p, 5) == UINT64_MAX);
    pace_forgive(&p, 1000, 10, 1);
    assert_true(pace_due(&p, 1000) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_is_the_sum_of_rates),
        cmocka_unit_test(rates_stay_within),
        cmocka_unit_test(a_stall_is_forgiven),
        cmocka_unit_test(no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
