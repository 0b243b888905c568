/* Money from text and as text, and changes in percent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "store/report_change.h"

static const struct {
    const char *text;
    int result;
    const char *written;
} amounts[] = {
    { "0", 0, "0.00" },
    { "12.5", 0, "12.50" },
    { "-3", 0, "-3.00" },
    { "-0.07", 0, "-0.07" },
    { "999999999999999.99", 0, "999999999999999.99" },
    { "1234567890123456789012345678901234.56", 0, "1234567890123456789012345678901234.56" },
    { "12345678901234567890123456789012345.67", -EINVAL, NULL },
    { "", -EINVAL, NULL },
    { "-", -EINVAL, NULL },
    { ".5", -EINVAL, NULL },
    { "1.", -EINVAL, NULL },
    { "1.234", -EINVAL, NULL },
    { "1.2.3", -EINVAL, NULL },
    { "NaN", -EINVAL, NULL },
    { "1e3", -EINVAL, NULL },
};

static void amounts_are_exact(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(amounts); i++) {
        _cleanup_strbuf_ struct strbuf text;
        struct json_out j;
        report_money cents = 0;

        strbuf_init(&text, 128);
        json_out_init(&j, &text);
        assert_int_equal(report_money_parse(span_str(amounts[i].text), &cents), amounts[i].result);
        if (amounts[i].result < 0)
            continue;
        report_money_write(&j, cents);
        assert_string_equal(text.ptr, amounts[i].written);
    }
}

static const struct {
    int now, before;
    bool money;
    const char *written;
} changes[] = {
    { 21, 24, false, "{\"x\":{\"absolute\":-3,\"percent\":-12.5}}" },
    { 3, 0, false, "{\"x\":{\"absolute\":3,\"percent\":null}}" },
    { 0, 0, false, "{\"x\":{\"absolute\":0,\"percent\":null}}" },
    { 5, 5, false, "{\"x\":{\"absolute\":0,\"percent\":0}}" },
    { 0, 7, false, "{\"x\":{\"absolute\":-7,\"percent\":-100}}" },
    { 4, 3, false, "{\"x\":{\"absolute\":1,\"percent\":33.33}}" },
    { 5, 3, false, "{\"x\":{\"absolute\":2,\"percent\":66.67}}" },
    { 1, 3, false, "{\"x\":{\"absolute\":-2,\"percent\":-66.67}}" },
    { 16001, 16000, false, "{\"x\":{\"absolute\":1,\"percent\":0.01}}" }, /* 0.00625 */
    { 1250, 1000, true, "{\"x\":{\"absolute\":2.50,\"percent\":25}}" },
};

static void changes_are_rounded_away_from_zero(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        _cleanup_strbuf_ struct strbuf text;
        struct json_out j;

        strbuf_init(&text, 128);
        json_out_init(&j, &text);
        json_object(&j);
        report_change_write(&j, "x", changes[i].now, changes[i].before, changes[i].money);
        json_object_end(&j);
        assert_string_equal(text.ptr, changes[i].written);
    }
}

static void the_range_before_ends_where_this_begins(void **state UNUSED)
{
    const struct report_filter f = {
        .has_from = true, .has_to = true, .from_usec = 100, .to_usec = 130, .stage = 1
    };
    const struct report_filter before = report_previous(&f);

    assert_int_equal(before.from_usec, 70);
    assert_int_equal(before.to_usec, 100);
    assert_int_equal(before.stage, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_exact),
        cmocka_unit_test(changes_are_rounded_away_from_zero),
        cmocka_unit_test(the_range_before_ends_where_this_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
