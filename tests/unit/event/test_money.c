/* Amounts: exact decimals in text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "event/money.h"

static void test_parse(void **state UNUSED)
{
    static const struct {
        const char *text;
        int64_t cents; /* -1: refused */
    } cases[] = {
        { "0", 0 },
        { "0.00", 0 },
        { "12.5", 1250 },
        { "12.50", 1250 },
        { "12.05", 1205 },
        { "007", 700 },
        { "999999999999999.99", INT64_C(99999999999999999) },
        { "1000000000000000", -1 },
        { "0000000000000001", -1 },
        { "1.234", -1 },
        { "1.000", -1 },
        { "", -1 },
        { ".", -1 },
        { ".5", -1 },
        { "5.", -1 },
        { "-1", -1 },
        { "+1", -1 },
        { " 1", -1 },
        { "1 ", -1 },
        { "1e2", -1 },
        { "1,50", -1 },
        { "1.5.0", -1 },
        { "0x10", -1 },
        { "NaN", -1 },
        { "12,345.00", -1 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t cents = -1;
        int r = money_parse(span_str(cases[i].text), &cents);

        if (r != (cases[i].cents < 0 ? -EBADMSG : 0) || cents != cases[i].cents)
            fail_msg("%s: %d, %lld", cases[i].text, r, (long long)cents);
    }
    assert_int_equal(money_parse(SPAN("1\0"), &(int64_t){ 0 }), -EBADMSG);
}

static void test_format(void **state UNUSED)
{
    static const struct {
        int64_t cents;
        const char *text;
    } cases[] = {
        { 0, "0.00" },
        { 5, "0.05" },
        { 1250, "12.50" },
        { 100, "1.00" },
        { -5, "-0.05" },
        { -1250, "-12.50" },
        { INT64_MAX, "92233720368547758.07" },
        { INT64_MIN, "-92233720368547758.08" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf sb;

        strbuf_init(&sb, 64);
        assert_int_equal(money_format(&sb, cases[i].cents), 0);
        assert_string_equal(sb.ptr, cases[i].text);
    }
}

static void test_format_says_when_it_does_not_fit(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf sb;

    strbuf_init(&sb, 3);
    assert_int_equal(money_format(&sb, 1250), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_format_says_when_it_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
