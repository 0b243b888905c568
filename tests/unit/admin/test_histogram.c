/* Percentiles of the benchmark: of few samples as of many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/bench/histogram.h"
#include "base/macros.h"

static const struct {
    uint64_t samples; /* 1 to this, once each: small enough for buckets of their own */
    double share;
    uint64_t expected;
} cases[] = {
    { 0, 0.99, 0 },  { 1, 0.5, 1 },    { 2, 0.5, 1 },    { 3, 0.5, 2 },
    { 20, 0.5, 10 }, { 20, 0.95, 19 }, { 20, 0.99, 20 }, { 50, 0.98, 49 },
};

static void test_percentiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct histogram h = { 0 };

        for (uint64_t v = 1; v <= cases[i].samples; v++)
            histogram_add(&h, v);
        if (histogram_percentile(&h, cases[i].share) != cases[i].expected)
            fail_msg("%g of 1 to %llu: %llu", cases[i].share, (unsigned long long)cases[i].samples,
                     (unsigned long long)histogram_percentile(&h, cases[i].share));
    }
}

static void test_large_values_are_right_to_a_sixtieth(void **state)
{
    struct histogram h = { 0 };

    (void)state;
    histogram_add(&h, 1000000);
    histogram_add(&h, 5000000);
    assert_in_range(histogram_percentile(&h, 0.5), 1000000, 1000000 + 1000000 / 60);
    assert_int_equal(histogram_percentile(&h, 0.99), 5000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_large_values_are_right_to_a_sixtieth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
