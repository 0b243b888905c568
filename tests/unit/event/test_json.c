/* The JSON parser behind its C interface: strictness, values, walking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "event/json.h"
#include "unit/event/padded.h"

#define DEPTH 4

struct document {
    struct json_parser *parser;
    char *text;
    struct json_value root;
    const char *error;
    int result;
};

static struct document document_of(struct span text)
{
    struct document d = { .parser = json_parser_new(4096, DEPTH), .text = padded_copy(text) };

    assert_non_null(d.parser);
    d.result = json_parse(d.parser, span_of(d.text, text.len), &d.root, &d.error);
    return d;
}

static void document_release(struct document *d)
{
    free(d->text);
    d->parser = json_parser_free(d->parser);
}

static void test_accepts(void **state UNUSED)
{
    static const char *const texts[] = {
        "1",
        "\"a\"",
        "null",
        " [1 , 2] ",
        "{\"a\":{\"b\":[{}]}}",
        "[[[[]]]]",
        "[[[[1]]]]",
        "-0.0",
        "1e308",
        "18446744073709551615",
        "\"\\ud83d\\ude00\"",
        "\"\xc3\xa4\"",
        "\"\\u0000\"",
        "{\"a\":1,\"a\":2}",
        "\"\x7f\"",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_(document_release) struct document d = document_of(span_str(texts[i]));

        if (d.result != 0)
            fail_msg("%s: %d %s", texts[i], d.result, d.error);
    }
}

static void test_refuses(void **state UNUSED)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "[",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "tru",
        "nul",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e999",
        "-1e999",
        "18446744073709551616",
        "-9223372036854775809",
        "NaN",
        "Infinity",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"a\nb\"",
        "\"\x01\"",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "\"\xc0\x80\"",
        "1 2",
        "{}{}",
        "[[[[[1]]]]]",
        "[[[[{\"a\":1}]]]]",
        "\"abc",
        "[1}",
        "// c\n1",
        "\xef\xbb\xbf{}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_(document_release) struct document d = document_of(span_str(texts[i]));

        if (d.result != -EBADMSG || !d.error)
            fail_msg("%s: %d", texts[i], d.result);
    }
}

static void test_refuses_nul_and_size(void **state UNUSED)
{
    char large[5000];
    _cleanup_(document_release) struct document nul = document_of(SPAN("[1\0]"));
    _cleanup_(document_release) struct document big = { 0 };

    assert_int_equal(nul.result, -EBADMSG);
    memset(large, ' ', sizeof(large));
    large[0] = '1';
    big = document_of(span_of(large, sizeof(large)));
    assert_int_equal(big.result, -EBADMSG);
    assert_string_equal(big.error, "the document is too large");
}

static void test_values(void **state UNUSED)
{
    static const struct {
        const char *text;
        enum json_kind kind;
        double number;
    } cases[] = {
        { "null", JSON_NULL, 0 },
        { "true", JSON_BOOL, 1 },
        { "false", JSON_BOOL, 0 },
        { "-5", JSON_INT, -5 },
        { "9223372036854775807", JSON_INT, 9223372036854775807.0 },
        { "18446744073709551615", JSON_UINT, 18446744073709551615.0 },
        { "2.5", JSON_DOUBLE, 2.5 },
        { "1e2", JSON_DOUBLE, 100 },
        { "\"x\"", JSON_STRING, 0 },
        { "[]", JSON_ARRAY, 0 },
        { "{}", JSON_OBJECT, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(document_release) struct document d = document_of(span_str(cases[i].text));

        assert_int_equal(d.result, 0);
        assert_int_equal(json_kind_of(d.root), cases[i].kind);
        if (cases[i].kind == JSON_BOOL)
            assert_int_equal(json_bool_of(d.root), cases[i].number != 0);
        if (cases[i].kind >= JSON_INT && cases[i].kind <= JSON_DOUBLE)
            assert_true(json_double_of(d.root) == cases[i].number);
    }
}

static void test_exact_integers(void **state UNUSED)
{
    _cleanup_(document_release) struct document i = document_of(SPAN("-9223372036854775808"));
    _cleanup_(document_release) struct document u = document_of(SPAN("18446744073709551615"));

    assert_true(json_int_of(i.root) == INT64_MIN);
    assert_true(json_uint_of(u.root) == UINT64_MAX);
}

static void test_strings(void **state UNUSED)
{
    _cleanup_(document_release) struct document d =
        document_of(SPAN("\"a\\u0000\\n\\\"\\u00e4\\ud83d\\ude00\""));

    assert_true(span_eq(json_string_of(d.root), SPAN("a\0\n\"\xc3\xa4\xf0\x9f\x98\x80")));
}

/* Every kind of value is stepped over whole. */
static void test_iteration(void **state UNUSED)
{
    static const char *const keys[] = { "i", "u", "d", "s", "n", "t", "o", "a", "\xc3\xa4" };
    _cleanup_(document_release) struct document d = document_of(
        SPAN("{\"i\":1,\"u\":18446744073709551615,\"d\":1.5,\"s\":\"x\",\"n\":null,\"t\":true,"
             "\"o\":{\"k\":[1,{}]},\"a\":[1,\"2\",[]],\"\\u00e4\":-1}"));
    struct json_iter it, none;
    struct json_value v = { 0 };
    struct span key;
    size_t n = 0;

    assert_int_equal(d.result, 0);
    it = json_iterate(d.root);
    while (json_next(&it, &key, &v)) {
        assert_true(n < ARRAY_SIZE(keys));
        assert_true(span_eq(key, span_str(keys[n])));
        if (n == 7) {
            struct json_iter inner = json_iterate(v);
            size_t elements = 0;

            while (json_next(&inner, &key, &v)) {
                assert_int_equal(key.len, 0);
                elements++;
            }
            assert_int_equal(elements, 3);
        }
        n++;
    }
    assert_int_equal(n, ARRAY_SIZE(keys));
    assert_int_equal(json_int_of(v), -1);
    none = json_iterate(v); /* not a container */
    assert_false(json_next(&none, &key, &v));
}

static void test_parser_is_reused(void **state UNUSED)
{
    _cleanup_(document_release) struct document d = document_of(SPAN("[1,2,3]"));
    _cleanup_free_ char *bad = padded_copy(SPAN("[1,2")), *good = padded_copy(SPAN("\"ok\""));

    assert_int_equal(json_parse(d.parser, span_of(bad, 4), &d.root, &d.error), -EBADMSG);
    assert_int_equal(json_parse(d.parser, span_of(good, 4), &d.root, &d.error), 0);
    assert_true(span_eq(json_string_of(d.root), SPAN("ok")));
}

static void test_utf8(void **state UNUSED)
{
    assert_true(json_utf8_valid(SPAN("\xc3\xa4 plain \xf0\x9f\x98\x80")));
    assert_true(json_utf8_valid(SPAN("")));
    assert_false(json_utf8_valid(SPAN("\xc3")));
    assert_false(json_utf8_valid(SPAN("\xed\xa0\x80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_nul_and_size),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_exact_integers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_iteration),
        cmocka_unit_test(test_parser_is_reused),
        cmocka_unit_test(test_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
