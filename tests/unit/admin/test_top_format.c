#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "admin/top/format.h"
#include "base/macros.h"

struct row {
    double value;
    const char *want;
};

static void check(struct format (*format)(double), const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_string_equal(format(rows[i].value).s, rows[i].want);
}

static void numbers(UNUSED void **state)
{
    static const struct row rows[] = {
        { NAN, "-" },
        { 0, "0" },
        { 0.04, "0" },
        { 0.25, "0.2" },
        { 7, "7" },
        { 7.23, "7.2" },
        { 9.96, "10" },
        { 12.6, "13" },
        { 999.4, "999" },
        { 999.7, "1000" },
        { 1000, "1,000" },
        { 12345.6, "12,346" },
        { 999999, "999,999" },
        { 1e6, "1.00M" },
        { 1234567, "1.23M" },
        { 987654321, "987.65M" },
        { 999999999, "1.00G" },
        { 1.5e9, "1.50G" },
        { 7e12, "7.00T" },
        { 1e15, "1000.00T" },
    };

    check(format_number, rows, ARRAY_SIZE(rows));
}

static void bytes(UNUSED void **state)
{
    static const struct row rows[] = {
        { NAN, "-" },         { 0, "0 B" },           { 512, "512 B" },
        { 1023, "1023 B" },   { 1023.9, "1 KiB" },    { 1024, "1 KiB" },
        { 3482, "3.4 KiB" },  { 47185920, "45 MiB" }, { 1.5 * 1073741824, "1.5 GiB" },
        { 2e15, "1819 TiB" },
    };

    check(format_bytes, rows, ARRAY_SIZE(rows));
}

static void seconds(UNUSED void **state)
{
    static const struct row rows[] = {
        { NAN, "-" },      { 0, "0 s" },       { 0.0004, "0.4 ms" }, { 0.012, "12 ms" },
        { 0.9996, "1 s" }, { 3.41, "3.4 s" },  { 59, "59 s" },       { 150, "2.5 min" },
        { 4320, "1.2 h" }, { 864000, "10 d" },
    };

    check(format_seconds, rows, ARRAY_SIZE(rows));
}

static void percent(UNUSED void **state)
{
    static const struct row rows[] = { { NAN, "-" },     { 0, "0 %" },   { 0.003, "0.3 %" },
                                       { 0.12, "12 %" }, { 1, "100 %" }, { 2.5, "250 %" } };

    check(format_percent, rows, ARRAY_SIZE(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(bytes),
        cmocka_unit_test(seconds),
        cmocka_unit_test(percent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
