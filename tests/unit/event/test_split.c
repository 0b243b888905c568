/* Bodies into events: what is cut where, what refuses the whole body, what only one element. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "event/split.h"
#include "unit/event/padded.h"

#define LIMIT 5

struct outcome {
    int result;
    enum split_shape shape;
    size_t offset;
    char elements[256]; /* joined by | */
    char error[128];
};

static struct outcome split(enum split_form form, struct span text)
{
    _cleanup_free_ char *body = padded_copy(text);
    struct outcome out = { 0 };
    struct splitter s;
    struct span element;
    const char *error = NULL;
    size_t count = 0, at = 0, room = sizeof(out.elements);

    out.result = splitter_init(&s, form, body, text.len, LIMIT, &error, &out.offset);
    if (error)
        (void)snprintf(out.error, sizeof(out.error), "%s", error);
    if (out.result < 0)
        return out;
    out.shape = s.shape;
    for (; splitter_next(&s, &element); count++)
        if (at < room)
            at += (size_t)snprintf(out.elements + at, room - at, "%s%.*s", count ? "|" : "",
                                   SPAN_ARG(element));
    assert_int_equal(count, s.count);
    assert_false(splitter_next(&s, &element));
    return out;
}

struct good {
    const char *body, *elements;
    enum split_shape shape;
};

static void check_good(enum split_form form, const struct good *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct outcome out = split(form, span_str(cases[i].body));

        if (out.result != 0)
            fail_msg("%s: %d %s at %zu", cases[i].body, out.result, out.error, out.offset);
        assert_string_equal(out.elements, cases[i].elements);
        assert_int_equal(out.shape, cases[i].shape);
    }
}

struct bad {
    const char *body;
    int result;
    const char *error;
    size_t offset;
};

static void check_bad(enum split_form form, const struct bad *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct outcome out = split(form, span_str(cases[i].body));

        if (out.result != cases[i].result)
            fail_msg("%s: %d %s", cases[i].body, out.result, out.error);
        if (out.result != -EBADMSG)
            continue;
        assert_string_equal(out.error, cases[i].error);
        if (out.offset != cases[i].offset)
            fail_msg("%s: at %zu", cases[i].body, out.offset);
    }
}

static void test_json(void **state UNUSED)
{
    static const struct good cases[] = {
        { "{}", "{}", SHAPE_SINGLE },
        { " {\"a\":[1,{\"b\":2}]} \n", "{\"a\":[1,{\"b\":2}]}", SHAPE_SINGLE },
        { "{\"a\":1,\r\n\"b\":2}", "{\"a\":1,  \"b\":2}", SHAPE_SINGLE },
        { "[{}]", "{}", SHAPE_MANY },
        { "[ {\"a\":1} , {\"b\":[2,3]},4]", "{\"a\":1}|{\"b\":[2,3]}|4", SHAPE_MANY },
        { "[{\"a\":\"],[}\"},2]", "{\"a\":\"],[}\"}|2", SHAPE_MANY },
        { "[\"\\\",\",\"\\\\\",3]", "\"\\\",\"|\"\\\\\"|3", SHAPE_MANY },
        { "[[1,2],[3,4]]", "[1,2]|[3,4]", SHAPE_MANY },
        { "[1,,2]", "1||2", SHAPE_MANY },
        { "[1,]", "1|", SHAPE_MANY },
        { "[,]", "|", SHAPE_MANY },
        { "[{} x,tru]", "{} x|tru", SHAPE_MANY },
        { "[{\n},\n{\t}]", "{ }|{\t}", SHAPE_MANY },
        { "[1,2,3,4,5]", "1|2|3|4|5", SHAPE_MANY },
        { "[\"a\nb\"]", "\"a\nb\"", SHAPE_MANY }, /* a raw LF in a string stays: it is invalid */
    };

    check_good(SPLIT_JSON, cases, ARRAY_SIZE(cases));
}

static void test_json_refused(void **state UNUSED)
{
    static const struct bad cases[] = {
        { "", -ENODATA, NULL, 0 },
        { " \n ", -ENODATA, NULL, 0 },
        { "[]", -ENODATA, NULL, 0 },
        { "[ \n]", -ENODATA, NULL, 0 },
        { "[1,2,3,4,5,6]", -E2BIG, NULL, 0 },
        { "1", -EBADMSG, "expected an object or an array of events", 0 },
        { " \"a\"", -EBADMSG, "expected an object or an array of events", 1 },
        { "]", -EBADMSG, "expected an object or an array of events", 0 },
        { "{", -EBADMSG, "a bracket is not closed", 1 },
        { "[[1]", -EBADMSG, "a bracket is not closed", 4 },
        { "[{\"a\":[}]}]", -EBADMSG, "a bracket closes what is not open", 7 },
        { "[1}", -EBADMSG, "a bracket closes what is not open", 2 },
        { "{\"a]}", -EBADMSG, "a string is not closed", 5 },
        { "{\"a\\\"}", -EBADMSG, "a string is not closed", 6 },
        { "{}{}", -EBADMSG, "there is more behind the first value", 2 },
        { "{} ,", -EBADMSG, "there is more behind the first value", 3 },
        { "[1] [2]", -EBADMSG, "there is more behind the first value", 4 },
        { "[]x", -EBADMSG, "there is more behind the first value", 2 },
        { "\xef\xbb\xbf{}", -EBADMSG, "the body begins with a byte-order mark", 0 },
        { "[\"\xc3\xa4\xc3\"]", -EBADMSG, "invalid UTF-8", 4 },
        { "[\"\xed\xa0\x80\"]", -EBADMSG, "invalid UTF-8", 2 },
    };

    check_bad(SPLIT_JSON, cases, ARRAY_SIZE(cases));
}

static void test_bulk(void **state UNUSED)
{
    static const struct good cases[] = {
        { "{\"events\":[1,2]}", "1|2", SHAPE_MANY },
        { " { \"events\" : [ {\"a\":1} ] } ", "{\"a\":1}", SHAPE_MANY },
        { "{\"v\":{\"events\":[7]},\"events\":[1],\"w\":\"x,y\"}", "1", SHAPE_MANY },
        { "{\"a\\\"b\":1,\"events\":[1]}", "1", SHAPE_MANY },
        { "{\"n\":null,\"events\":[[1,2],{}],\"l\":[1,2,3,4,5,6,7]}", "[1,2]|{}", SHAPE_MANY },
    };

    check_good(SPLIT_BULK, cases, ARRAY_SIZE(cases));
}

static void test_bulk_refused(void **state UNUSED)
{
    static const struct bad cases[] = {
        { "", -ENODATA, NULL, 0 },
        { "{\"events\":[]}", -ENODATA, NULL, 0 },
        { "{\"events\":[1,2,3,4,5,6]}", -E2BIG, NULL, 0 },
        { "[1]", -EBADMSG, "expected {\"events\":[...]}", 0 },
        { "{}", -EBADMSG, "expected {\"events\":[...]}", 1 },
        { "{\"event\":[1]}", -EBADMSG, "expected {\"events\":[...]}", 0 },
        { "{\"events\":{}}", -EBADMSG, "expected {\"events\":[...]}", 10 },
        { "{\"events\":[1] 2}", -EBADMSG, "expected {\"events\":[...]}", 14 },
        { "{\"events\":[1],}", -EBADMSG, "expected {\"events\":[...]}", 14 },
        { "{\"events\" [1]}", -EBADMSG, "expected {\"events\":[...]}", 1 },
        { "{\"events\":", -EBADMSG, "expected {\"events\":[...]}", 10 },
        { "{\"events\":[1],\"events\":[2]}", -EBADMSG, "the member \"events\" is given twice", 14 },
        { "{\"events\":[1]", -EBADMSG, "a bracket is not closed", 13 },
        { "{\"events\":[1]} x", -EBADMSG, "there is more behind the first value", 15 },
        { "{\"events\":[1]]", -EBADMSG, "a bracket closes what is not open", 13 },
    };

    check_bad(SPLIT_BULK, cases, ARRAY_SIZE(cases));
}

static void test_lines(void **state UNUSED)
{
    static const struct good cases[] = {
        { "{}", "{}", SHAPE_MANY },
        { "{}\n{}\n", "{}|{}", SHAPE_MANY },
        { "\n{}\r\n\r\n \n[1\n", "{}|[1", SHAPE_MANY },
        { "{\"a\n\"}", "{\"a|\"}", SHAPE_MANY },
    };
    static const struct bad refused[] = {
        { " \n\n", -ENODATA, NULL, 0 },
        { "1\n2\n3\n4\n5\n6", -E2BIG, NULL, 0 },
        { "{}\n\xff", -EBADMSG, "invalid UTF-8", 3 },
        { "\xef\xbb\xbf{}", -EBADMSG, "the body begins with a byte-order mark", 0 },
    };

    check_good(SPLIT_LINES, cases, ARRAY_SIZE(cases));
    check_bad(SPLIT_LINES, refused, ARRAY_SIZE(refused));
}

/* Blocks of 64 bytes: quotes, escapes and brackets on and around every bound. */
static void test_block_bounds(void **state UNUSED)
{
    for (int pad = 0; pad < 200; pad++) {
        char body[512], expected[512];
        struct outcome out;

        (void)snprintf(body, sizeof(body), "[\"%*s\\\\\\\"],\",{\"k\":[1,2]},3]", pad, "");
        (void)snprintf(expected, sizeof(expected), "\"%*s\\\\\\\"],\"|{\"k\":[1,2]}|3", pad, "");
        out = split(SPLIT_JSON, span_str(body));
        assert_int_equal(out.result, 0);
        assert_string_equal(out.elements, expected);
    }
}

/* A body is handed on to be split again, or kept as it came: its commas are there. */
static void test_commas_come_back(void **state UNUSED)
{
    static const struct {
        const char *body;
        int result;
    } cases[] = {
        { "{\"events\":[1,{\"a\":[2,3]},\",\"],\"x\":[4,5]}", 0 },
        { "{\"events\":[1,2,3],\"x\":[4,5}}", -EBADMSG },
        { "{\"events\":[1,2,3,4,5,6]}", -E2BIG },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct span text = span_str(cases[i].body), first = { 0 }, again = { 0 };
        _cleanup_free_ char *body = padded_copy(text);
        struct splitter s;
        const char *error;
        size_t offset;
        int r = splitter_init(&s, SPLIT_BULK, body, text.len, LIMIT, &error, &offset);

        assert_int_equal(r, cases[i].result);
        if (r == 0) {
            struct splitter started = s;

            assert_true(splitter_next(&started, &first));
            splitter_undo(&s);
        }
        assert_memory_equal(body, text.ptr, text.len);
        if (r < 0)
            continue;
        assert_int_equal(splitter_init(&s, SPLIT_BULK, body, text.len, LIMIT, &error, &offset), 0);
        assert_true(splitter_next(&s, &again));
        assert_true(span_eq(first, again));
    }
}

static void test_deep_nesting_is_one_element_s_fault(void **state UNUSED)
{
    enum { DEPTH = 100000 };
    _cleanup_free_ char *text = malloc(2 * DEPTH + 8);
    struct outcome out;

    assert_non_null(text);
    text[0] = '[';
    memset(text + 1, '[', DEPTH);
    memset(text + 1 + DEPTH, ']', DEPTH);
    memcpy(text + 1 + 2 * DEPTH, ",{}]", 4);
    out = split(SPLIT_JSON, span_of(text, 2 * DEPTH + 5));
    assert_int_equal(out.result, 0);
    out = split(SPLIT_JSON, span_of(text, 2 * DEPTH + 4));
    assert_int_equal(out.result, -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_refused),
        cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_bulk_refused),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_block_bounds),
        cmocka_unit_test(test_commas_come_back),
        cmocka_unit_test(test_deep_nesting_is_one_element_s_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
