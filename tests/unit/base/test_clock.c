/* Times from text, to text, and days. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/clock.h"

#define NOON INT64_C(1769860800) /* 2026-01-31T12:00:00Z */

static void test_parse(void **state UNUSED)
{
    static const struct {
        const char *text;
        int64_t usec;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1969-12-31T23:59:59.999999Z", -1 },
        { "2026-01-31T12:00:00Z", NOON * USEC_PER_SEC },
        { "2026-01-31t12:00:00z", NOON * USEC_PER_SEC },
        { "2026-01-31 12:00:00Z", NOON * USEC_PER_SEC },
        { "2026-01-31T12:00:00.1Z", NOON * USEC_PER_SEC + 100000 },
        { "2026-01-31T12:00:00.123456Z", NOON * USEC_PER_SEC + 123456 },
        { "2026-01-31T12:00:00.123456999Z", NOON * USEC_PER_SEC + 123456 },
        { "2026-01-31T17:45:00+05:45", NOON * USEC_PER_SEC },
        { "2026-01-31T00:00:00-12:00", NOON * USEC_PER_SEC },
        { "2026-01-31T12:00:00-00:00", NOON * USEC_PER_SEC },
        { "2026-02-01T11:59:00+23:59", NOON * USEC_PER_SEC },
        { "2026-01-31T11:59:60Z", NOON * USEC_PER_SEC },
        { "2024-02-29T00:00:00Z", INT64_C(1709164800) * USEC_PER_SEC },
        { "2000-02-29T00:00:00Z", INT64_C(951782400) * USEC_PER_SEC },
        { "0001-01-01T00:00:00Z", INT64_C(-62135596800) * USEC_PER_SEC },
        { "9999-12-31T23:59:59Z", INT64_C(253402300799) * USEC_PER_SEC },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t usec = 7;

        assert_int_equal(timestamp_parse(span_str(cases[i].text), &usec), 0);
        if (usec != cases[i].usec)
            fail_msg("%s: %lld", cases[i].text, (long long)usec);
    }
}

static void test_parse_refuses(void **state UNUSED)
{
    static const char *const texts[] = {
        "",
        "x",
        "invalid-timestamp",
        "2026",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00Z",
        "2026-1-31T12:00:00Z",
        "26-01-31T12:00:00Z",
        "2026-00-31T12:00:00Z",
        "9999-12-31T23:59:00-00:01",
        "0000-01-01T00:00:00+00:01",
        "2026-13-31T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-01-00T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00.1234567890Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+01:60",
        "2026-01-31T12:00:00+0100",
        "2026-01-31T12:00:00+01",
        "2026-01-31T12:00:00ZZ",
        "2026-01-31T12:00:00Z ",
        " 2026-01-31T12:00:00Z",
        "+2026-01-31T12:00:00Z",
        "-026-01-31T12:00:00Z",
        "2026-01-31T12:00:-1Z",
        "2026/01/31T12:00:00Z",
        "2026-01-31_12:00:00Z",
        "1769860800",
    };
    int64_t usec = 7;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (timestamp_parse(span_str(texts[i]), &usec) != -EBADMSG || usec != 7)
            fail_msg("%s", texts[i]);
    assert_int_equal(timestamp_parse(SPAN("2026-01-31\0"
                                          "12:00:00Z"),
                                     &usec),
                     -EBADMSG);
}

static void test_format(void **state UNUSED)
{
    static const struct {
        int64_t usec;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { -1, "1969-12-31T23:59:59.999999Z" },
        { NOON * USEC_PER_SEC + 123000, "2026-01-31T12:00:00.123Z" },
        { NOON * USEC_PER_SEC + 123001, "2026-01-31T12:00:00.123001Z" },
        { NOON * USEC_PER_SEC + 1, "2026-01-31T12:00:00.000001Z" },
        { INT64_C(253402300799) * USEC_PER_SEC, "9999-12-31T23:59:59.000Z" },
    };
    char buf[TIMESTAMP_TEXT_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct span text = timestamp_format(cases[i].usec, buf);

        assert_string_equal(buf, cases[i].text);
        assert_int_equal(text.len, strlen(cases[i].text));
    }
}

/* Every day of 400 years, leap days included, comes back. */
static void test_days(void **state UNUSED)
{
    char buf[TIMESTAMP_TEXT_MAX], date[DATE_TEXT_MAX];

    for (int64_t day = -146097 / 2; day < 146097 / 2; day++) {
        int64_t usec = day * USEC_PER_DAY, again;

        assert_int_equal(timestamp_parse(timestamp_format(usec, buf), &again), 0);
        assert_true(again == usec);
        assert_memory_equal(date_format(day, date).ptr, buf, 10);
    }
    assert_string_equal(date_format(0, date).ptr, "1970-01-01");
    assert_string_equal(date_format(-1, date).ptr, "1969-12-31");
}

static void test_day_of(void **state UNUSED)
{
    assert_true(clock_day_of(0) == 0);
    assert_true(clock_day_of(USEC_PER_DAY - 1) == 0);
    assert_true(clock_day_of(USEC_PER_DAY) == 1);
    assert_true(clock_day_of(-1) == -1);
    assert_true(clock_day_of(-USEC_PER_DAY) == -1);
    assert_true(clock_day_of(-USEC_PER_DAY - 1) == -2);
}

static void test_clocks_run(void **state UNUSED)
{
    uint64_t mono = clock_mono_usec();

    assert_true(clock_wall_usec() > NOON * USEC_PER_SEC - INT64_C(400) * 365 * USEC_PER_DAY / 40);
    assert_true(clock_wall_nsec() / 1000 - clock_wall_usec() < USEC_PER_SEC);
    assert_true(clock_mono_usec() >= mono);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),  cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_format), cmocka_unit_test(test_days),
        cmocka_unit_test(test_day_of), cmocka_unit_test(test_clocks_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
