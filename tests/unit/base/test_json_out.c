/* JSON written, and what any bytes become in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>

#include "base/json_out.h"
#include "base/utf8.h"

static void test_document(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf sb;
    struct json_out j;

    strbuf_init(&sb, 1000);
    json_out_init(&j, &sb);
    json_object(&j);
    json_key(&j, "a");
    json_bool(&j, true);
    json_key_span(&j, SPAN("b\""));
    json_array(&j);
    json_u64(&j, UINT64_MAX);
    json_i64(&j, INT64_MIN);
    json_object(&j);
    json_object_end(&j);
    json_array(&j);
    json_array_end(&j);
    json_null(&j);
    json_array_end(&j);
    json_key(&j, "c");
    json_str(&j, NULL);
    json_key(&j, "d");
    json_str(&j, "x");
    json_key(&j, "e");
    json_string(&j, SPAN_NONE);
    json_key(&j, "f");
    json_raw(&j, SPAN("1.50"));
    json_object_end(&j);
    assert_int_equal(strbuf_error(&sb), 0);
    assert_string_equal(sb.ptr,
                        "{\"a\":true,\"b\\\"\":[18446744073709551615,-9223372036854775808,{},[],"
                        "null],\"c\":null,\"d\":\"x\",\"e\":\"\",\"f\":1.50}");
}

static void test_double(void **state UNUSED)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 0.1, "0.1" },
        { -2.5, "-2.5" },
        { 1e21, "1e+21" },
        { 1.0 / 3, "0.3333333333333333" },
        { 100000, "100000" },
        { 123456789, "123456789" },
        { NAN, "null" },
        { INFINITY, "null" },
        { -INFINITY, "null" },
        { 5e-324, "4.94066e-324" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf sb;
        struct json_out j;

        strbuf_init(&sb, 100);
        json_out_init(&j, &sb);
        json_double(&j, cases[i].value);
        assert_string_equal(sb.ptr, cases[i].text);
    }
}

static void test_quote(void **state UNUSED)
{
    static const struct {
        struct span text;
        const char *quoted;
    } cases[] = {
        { SPAN(""), "\"\"" },
        { SPAN("plain"), "\"plain\"" },
        { SPAN("\"\\/"), "\"\\\"\\\\/\"" },
        { SPAN("\n\r\t"), "\"\\n\\r\\t\"" },
        { SPAN("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\\u007f\"" },
        { SPAN("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
          "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { SPAN("a\xff"
               "b"),
          "\"a\xef\xbf\xbd"
          "b\"" },
        { SPAN("\xc3"), "\"\xef\xbf\xbd\"" },
        { SPAN("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf sb;

        strbuf_init(&sb, 200);
        json_quote(&sb, cases[i].text);
        assert_string_equal(sb.ptr, cases[i].quoted);
    }
}

static void test_utf8_sequence(void **state UNUSED)
{
    static const struct {
        struct span text;
        size_t length;
    } cases[] = {
        { SPAN(""), 0 },
        { SPAN("a"), 1 },
        { SPAN("\0"), 1 },
        { SPAN("\xc2\x80"), 2 },
        { SPAN("\xc1\x80"), 0 },
        { SPAN("\xc2"), 0 },
        { SPAN("\xc2"
               "a"),
          0 },
        { SPAN("\x80"), 0 },
        { SPAN("\xe0\xa0\x80"), 3 },
        { SPAN("\xe0\x9f\x80"), 0 },
        { SPAN("\xed\x9f\xbf"), 3 },
        { SPAN("\xed\xa0\x80"), 0 },
        { SPAN("\xf0\x90\x80\x80"), 4 },
        { SPAN("\xf0\x8f\x80\x80"), 0 },
        { SPAN("\xf4\x8f\xbf\xbf"), 4 },
        { SPAN("\xf4\x90\x80\x80"), 0 },
        { SPAN("\xf5\x80\x80\x80"), 0 },
        { SPAN("\xe2\x82"), 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(utf8_sequence(cases[i].text.ptr, cases[i].text.len), cases[i].length);
}

static void test_overflow_is_reported(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf sb;
    struct json_out j;

    strbuf_init(&sb, 8);
    json_out_init(&j, &sb);
    json_array(&j);
    json_str(&j, "0123456789");
    json_array_end(&j);
    assert_int_equal(strbuf_error(&sb), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_double),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_utf8_sequence),
        cmocka_unit_test(test_overflow_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
