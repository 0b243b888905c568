/* Spans: comparing, trimming, splitting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/span.h"

static void test_cmp(void **state UNUSED)
{
    static const struct {
        struct span a, b;
        int sign;
    } cases[] = {
        { SPAN(""), SPAN(""), 0 },         { SPAN_NONE, SPAN(""), 0 },
        { SPAN("a"), SPAN("a"), 0 },       { SPAN("a"), SPAN("b"), -1 },
        { SPAN("a"), SPAN("ab"), -1 },     { SPAN("b"), SPAN("ab"), 1 },
        { SPAN("\xff"), SPAN("\x01"), 1 }, { SPAN("a\0b"), SPAN("a\0c"), -1 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int c = span_cmp(cases[i].a, cases[i].b);

        assert_int_equal((c > 0) - (c < 0), cases[i].sign);
        assert_int_equal(span_eq(cases[i].a, cases[i].b), cases[i].sign == 0);
    }
}

static void test_eq_nocase(void **state UNUSED)
{
    assert_true(span_eq_nocase(SPAN("Content-Type"), SPAN("content-tYPE")));
    assert_true(span_eq_nocase(SPAN_NONE, SPAN("")));
    assert_false(span_eq_nocase(SPAN("a"), SPAN("ab")));
    assert_false(span_eq_nocase(SPAN("a"), SPAN("b")));
}

static void test_trim(void **state UNUSED)
{
    static const struct {
        struct span text, trimmed;
    } cases[] = {
        { SPAN(" \t\r\na b\n "), SPAN("a b") },
        { SPAN(" \n"), SPAN("") },
        { SPAN("a"), SPAN("a") },
        { SPAN_NONE, SPAN_NONE },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_true(span_eq(span_trim(cases[i].text), cases[i].trimmed));
}

static void test_split(void **state UNUSED)
{
    static const struct {
        struct span text;
        const char *parts[4];
        size_t count;
    } cases[] = {
        { SPAN("a,b,,c"), { "a", "b", "", "c" }, 4 },
        { SPAN(",a,"), { "", "a", "" }, 3 },
        { SPAN("a"), { "a" }, 1 },
        { SPAN(""), { "" }, 1 },
        { SPAN_NONE, { NULL }, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct span rest = cases[i].text;
        size_t n = 0;

        for (struct span part; span_split(&rest, ',', &part); n++) {
            assert_true(n < cases[i].count);
            assert_true(span_eq(part, span_str(cases[i].parts[n])));
        }
        assert_int_equal(n, cases[i].count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cmp),
        cmocka_unit_test(test_eq_nocase),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
