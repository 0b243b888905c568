#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/exposition.h"
#include "base/macros.h"

#define QUOTED(name, value) name "=\"" value "\""

static void series_come_one_by_one(UNUSED void **state)
{
    struct span text = SPAN("# HELP a_total {x=\"1\"} 99\n"
                            "a_total{" QUOTED("x", "1 }") "} 5\n"
                                                          "\n"
                                                          "b -1.5e3\n"
                                                          "c{} 7\n"
                                                          "no_value\n"
                                                          "not_a_number NaN\n"
                                                          "infinite +Inf\n"
                                                          " 3\n"
                                                          "last 8");
    static const struct {
        const char *family, *labels;
        double value;
    } want[] = {
        { "a_total", "x=\"1 }\"", 5 }, { "b", "", -1500 }, { "c", "", 7 }, { "last", "", 8 }
    };
    struct exposition_series s;

    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        assert_true(exposition_next(&text, &s));
        assert_true(span_eq(s.family, span_str(want[i].family)));
        assert_true(span_eq(s.labels, span_str(want[i].labels)));
        assert_true(s.value == want[i].value);
    }
    assert_false(exposition_next(&text, &s));
}

static void labels_are_found(UNUSED void **state)
{
    static const struct {
        const char *labels, *name, *want; /* want NULL: there is none */
    } cases[] = {
        { "", "x", NULL },
        { QUOTED("x", "1"), "x", "1" },
        { QUOTED("x", "1") "," QUOTED("source", "tiktok"), "source", "tiktok" },
        { QUOTED("source_more", "1") "," QUOTED("source", "2"), "source", "2" },
        { QUOTED("x", "source=\\\"a\\\",") "," QUOTED("source", "b"), "source", "b" },
        { QUOTED("x", ",y=") "," QUOTED("y", ""), "y", "" },
        { QUOTED("x", "1") ",", "y", NULL },
        { "x=\"open", "x", "open" },
        { "x=\"open\\", "y", NULL },
        { "x", "x", NULL },
        { "x=1", "x", NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct exposition_series s = { .labels = span_str(cases[i].labels) };
        struct span value;
        bool found = exposition_label(&s, span_str(cases[i].name), &value);

        assert_int_equal(found, cases[i].want != NULL);
        if (found)
            assert_true(span_eq(value, span_str(cases[i].want)));
    }
}

static void a_sum_is_of_one_metric(UNUSED void **state)
{
    const struct span text = SPAN("a 1\na{x=\"1\"} 2\na_total 100\nb 4\nba 8\n");

    assert_true(exposition_sum(text, SPAN("a")) == 3);
    assert_true(exposition_sum(text, SPAN("none")) == 0);
    assert_true(exposition_sum(SPAN(""), SPAN("a")) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_come_one_by_one),
        cmocka_unit_test(labels_are_found),
        cmocka_unit_test(a_sum_is_of_one_metric),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
