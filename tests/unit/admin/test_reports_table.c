/* The table of `sluice bench reports`: what is reached and what is missed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/bench/reports.h"

static const struct reports_options two = {
    .rows = { 100, 1000000 }, .sizes = 2, .users = 2000, .campaigns = 10
};
static const struct reports_options one = {
    .rows = { 1000000 }, .sizes = 1, .users = 2000, .campaigns = 10
};

/* All goals are reached, just so. */
static void measure(struct figures *f)
{
    *f = (struct figures){ 0 };
    for (size_t i = 0; i < two.sizes; i++) {
        unsigned long long rows = two.rows[i];

        for (size_t k = 0; k < question_kind_count; k++) {
            const struct question_kind *kind = &question_kinds[k];
            double goal = kind->goal_msec > 0 ? kind->goal_msec : 1e6;

            figures_set(f, "questions", 100, "%llu.%s.asked", rows, kind->key);
            figures_set(f, "ms", goal / 2, "%llu.%s.p50", rows, kind->key);
            figures_set(f, "ms", i ? goal : goal / 1.5, "%llu.%s.p99", rows, kind->key);
        }
        figures_set(f, "reports/s", 2000, "%llu.mix.rate", rows);
        figures_set(f, "ms", 900, "%llu.page.p50", rows);
        figures_set(f, "ms", 1000, "%llu.page.max", rows);
    }
    figures_set(f, "KiB", 150, "page.size");
}

/* Owned by the caller. */
static char *print(const struct reports_options *options, const struct figures *f,
                   const struct figures *baseline, bool *ret_reached)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    *ret_reached = reports_print(options, f, baseline, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_all_goals_reached(void **state)
{
    struct figures f;
    bool reached;
    char *text;

    (void)state;
    measure(&f);
    text = print(&two, &f, NULL, &reached);
    assert_true(reached);
    assert_null(strstr(text, "MISSED"));
    assert_non_null(strstr(text, "1,000,000 events of 2,000 users and 10 campaigns over 30 days"));
    assert_non_null(strstr(text, "growth, <= 1.5"));
    free(text);
}

static const struct {
    const char *what, *key;
    double value;
    bool reached, reached_alone; /* with two sizes, with the larger alone */
} cases[] = {
    { "too slow", "1000000.funnel.any.p99", 400.1, false, false },
    { "without a goal", "1000000.campaigns.p99", 1e9, true, true },
    { "grown with the events", "100.events.any.p99", 6.6, false, true },
    { "slow on the smaller, which has no goal", "100.events.any.p99", 11, true, true },
    { "too few a second", "1000000.mix.rate", 1999, false, false },
    { "a slow page", "1000000.page.max", 1001, false, false },
    { "a heavy page", "page.size", 150.1, false, false },
};

static void test_each_goal_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct figures f;
        bool reached, alone;
        char *text, *text_alone;

        measure(&f);
        figures_set(&f, "", cases[i].value, "%s", cases[i].key);
        text = print(&two, &f, NULL, &reached);
        text_alone = print(&one, &f, NULL, &alone);
        if (reached != cases[i].reached || alone != cases[i].reached_alone)
            fail_msg("%s: %s%s", cases[i].what, text, text_alone);
        assert_int_equal(strstr(text, "MISSED") == NULL, reached);
        assert_null(strstr(text_alone, "growth"));
        free(text);
        free(text_alone);
    }
}

static void test_what_was_not_measured_is_not_reached(void **state)
{
    struct figures f = { 0 };
    bool reached;
    char *text;

    (void)state;
    text = print(&one, &f, NULL, &reached);
    assert_false(reached);
    free(text);
}

static void test_the_slowest_variant_is_named(void **state)
{
    struct figures f;
    bool reached;
    char *text;

    (void)state;
    measure(&f);
    figures_set(&f, "ms", 20, "1000000.groups.events.source,funnelStage.p99");
    figures_set(&f, "ms", 500, "1000000.groups.events.campaignId,country.p99");
    text = print(&two, &f, NULL, &reached);
    assert_non_null(strstr(text, "campaignId,country\n"));
    assert_null(strstr(text, "source,funnelStage"));
    free(text);
}

static void test_an_earlier_run_stands_beside(void **state)
{
    struct figures f, before;
    bool reached;
    char *text;

    (void)state;
    measure(&f);
    measure(&before);
    figures_set(&before, "ms", 320, "1000000.funnel.any.p99");
    text = print(&one, &f, &before, &reached);
    assert_non_null(strstr(text, "320  +25.0 %"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_goals_reached),
        cmocka_unit_test(test_each_goal_counts),
        cmocka_unit_test(test_what_was_not_measured_is_not_reached),
        cmocka_unit_test(test_the_slowest_variant_is_named),
        cmocka_unit_test(test_an_earlier_run_stands_beside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
