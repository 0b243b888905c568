#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/counts.h"

static void test_sums_the_series_of_a_family(void **state)
{
    struct counts c = { 0 };

    (void)state;
    counts_take(&c, SPAN("# HELP gateway_events_accepted_total 99\n"
                         "gateway_events_accepted_total{source=\"a b\"} 5\n"
                         "gateway_events_accepted_total{source=\"c\"} 7\n"
                         "gateway_events_accepted_total_more 100\n"
                         "gateway_events_failed_total 1e3\n"
                         "fb_collector_events_processed_total{x=\"1\"} 2\n"
                         "ttk_collector_events_processed_total{x=\"1\"} 3\n"
                         "gateway_events_processed_total NaN\n"
                         "gateway_events_processed_total -4\n"
                         "nonsense\n"
                         " \n"));
    assert_int_equal(counts_of(&c, COUNT_ACCEPTED), 12);
    assert_int_equal(counts_of(&c, COUNT_FAILED), 1000);
    assert_int_equal(counts_of(&c, COUNT_STORED), 5);
    assert_int_equal(counts_of(&c, COUNT_PROCESSED), 0);
}

static void test_goes_on_across_a_restart(void **state)
{
    struct counts c = { 0 };

    (void)state;
    counts_take(&c, SPAN("gateway_events_accepted_total 10\ngateway_events_failed_total 1\n"));
    counts_take(&c, SPAN("gateway_events_accepted_total 15\ngateway_events_failed_total 1\n"));
    counts_take(&c, SPAN("gateway_events_accepted_total 3\ngateway_events_failed_total 1\n"));
    assert_int_equal(counts_of(&c, COUNT_ACCEPTED), 18);
    assert_int_equal(counts_of(&c, COUNT_FAILED), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_the_series_of_a_family),
        cmocka_unit_test(test_goes_on_across_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
