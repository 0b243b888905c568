/* Numbers from text: whole or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>

#include "base/number.h"

static void test_u64(void **state UNUSED)
{
    static const struct {
        const char *text;
        int result;
        uint64_t value;
    } cases[] = {
        { "0", 0, 0 },
        { "007", 0, 7 },
        { "18446744073709551615", 0, UINT64_MAX },
        { "18446744073709551616", -ERANGE, 0 },
        { "99999999999999999999999", -ERANGE, 0 },
        { "", -EINVAL, 0 },
        { "-1", -EINVAL, 0 },
        { "+1", -EINVAL, 0 },
        { " 1", -EINVAL, 0 },
        { "1 ", -EINVAL, 0 },
        { "0x1", -EINVAL, 0 },
        { "1.0", -EINVAL, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t v = 0;

        assert_int_equal(parse_u64(span_str(cases[i].text), &v), cases[i].result);
        assert_true(v == cases[i].value);
    }
}

static void test_u32(void **state UNUSED)
{
    uint32_t v = 0;

    assert_int_equal(parse_u32(SPAN("4294967295"), &v), 0);
    assert_true(v == UINT32_MAX);
    assert_int_equal(parse_u32(SPAN("4294967296"), &v), -ERANGE);
    assert_int_equal(parse_u32(SPAN("x"), &v), -EINVAL);
}

static void test_i64(void **state UNUSED)
{
    static const struct {
        const char *text;
        int result;
        int64_t value;
    } cases[] = {
        { "0", 0, 0 },
        { "-0", 0, 0 },
        { "-5", 0, -5 },
        { "9223372036854775807", 0, INT64_MAX },
        { "-9223372036854775808", 0, INT64_MIN },
        { "9223372036854775808", -ERANGE, 0 },
        { "-9223372036854775809", -ERANGE, 0 },
        { "", -EINVAL, 0 },
        { "-", -EINVAL, 0 },
        { "--1", -EINVAL, 0 },
        { "1-", -EINVAL, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t v = 0;

        assert_int_equal(parse_i64(span_str(cases[i].text), &v), cases[i].result);
        assert_true(v == cases[i].value);
    }
}

static void test_double(void **state UNUSED)
{
    static const struct {
        const char *text;
        int result;
        double value;
    } cases[] = {
        { "1", 0, 1 },           { "-1.5", 0, -1.5 },   { ".5", 0, .5 },
        { "1e3", 0, 1000 },      { "1E-2", 0, .01 },    { "1e999", -ERANGE, 0 },
        { "", -EINVAL, 0 },      { "nan", -EINVAL, 0 }, { "inf", -EINVAL, 0 },
        { "0x10", -EINVAL, 0 },  { "1e", -EINVAL, 0 },  { "-", -EINVAL, 0 },
        { " 1", -EINVAL, 0 },    { "1,5", -EINVAL, 0 }, { "1 ", -EINVAL, 0 },
        { "1.2.3", -EINVAL, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        double v = 0;

        assert_int_equal(parse_double(span_str(cases[i].text), &v), cases[i].result);
        assert_true(v == cases[i].value);
    }
    assert_int_equal(parse_double(SPAN("1\0"), &(double){ 0 }), -EINVAL);
}

static void test_bool(void **state UNUSED)
{
    static const char *const yes[] = { "true", "yes", "on", "1", "TRUE" };
    static const char *const no[] = { "false", "no", "off", "0", "Off" };
    static const char *const neither[] = { "", "2", "truee", "t", " 1" };
    bool v;

    for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
        v = false;
        assert_int_equal(parse_bool(span_str(yes[i]), &v), 0);
        assert_true(v);
        v = true;
        assert_int_equal(parse_bool(span_str(no[i]), &v), 0);
        assert_false(v);
        assert_int_equal(parse_bool(span_str(neither[i]), &v), -EINVAL);
    }
}

struct unit_case {
    const char *text;
    int result;
    uint64_t value;
};

static void check_units(int (*parse)(struct span, uint64_t *), const struct unit_case *cases,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v = 0;
        int r = parse(span_str(cases[i].text), &v);

        if (r != cases[i].result || v != cases[i].value)
            fail_msg("%s: %d, %llu", cases[i].text, r, (unsigned long long)v);
    }
}

static void test_size(void **state UNUSED)
{
    static const struct unit_case cases[] = {
        { "0", 0, 0 },
        { "512", 0, 512 },
        { "1B", 0, 1 },
        { "64M", 0, 64 << 20 },
        { "64MiB", 0, 64 << 20 },
        { "64mb", 0, 64 << 20 },
        { "10G", 0, UINT64_C(10) << 30 },
        { "1T", 0, UINT64_C(1) << 40 },
        { "1.5G", -EINVAL, 0 },
        { "1 G", -EINVAL, 0 },
        { "G", -EINVAL, 0 },
        { "-1", -EINVAL, 0 },
        { "1X", -EINVAL, 0 },
        { "", -EINVAL, 0 },
        { "16777216T", -ERANGE, 0 },
    };

    check_units(parse_size, cases, ARRAY_SIZE(cases));
}

static void test_duration(void **state UNUSED)
{
    static const struct unit_case cases[] = {
        { "0", 0, 0 },
        { "250ms", 0, 250000 },
        { "5s", 0, 5000000 },
        { "2m", 0, 120000000 },
        { "1h", 0, UINT64_C(3600000000) },
        { "7d", 0, UINT64_C(604800000000) },
        { "3us", 0, 3 },
        { "5", -EINVAL, 0 },
        { "s", -EINVAL, 0 },
        { "", -EINVAL, 0 },
        { "1w", -EINVAL, 0 },
        { "1.5s", -EINVAL, 0 },
        { "99999999999999d", -ERANGE, 0 },
    };

    check_units(parse_duration, cases, ARRAY_SIZE(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),      cmocka_unit_test(test_u32),  cmocka_unit_test(test_i64),
        cmocka_unit_test(test_double),   cmocka_unit_test(test_bool), cmocka_unit_test(test_size),
        cmocka_unit_test(test_duration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
