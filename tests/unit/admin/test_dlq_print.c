/* Nothing that came from outside may do anything to a terminal. */
#include "admin/dlq/print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"

static void test_safe(UNUSED void **state)
{
    static const struct {
        struct span text;
        size_t columns;
        const char *want;
    } cases[] = {
        { SPAN(""), 9, "" },
        { SPAN("plain text"), 99, "plain text" },
        { SPAN("a\nb\tc\rd\0e"), 99, "a\\nb\\x09c\\x0dd\\x00e" },
        { SPAN("\x1b[31m\x7f"), 99, "\\x1b[31m\\x7f" },
        { SPAN("back\\slash"), 99, "back\\\\slash" },
        { SPAN("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"), 99,
          "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80" },
        { SPAN("\xc2\x9b\x32J"), 99, "\\x9b2J" },                   /* CSI in one code point */
        { SPAN("\xff\xc3"), 99, "\\xff\\xc3" },                     /* no UTF-8 */
        { SPAN("\xe2\x80\xae\xe2\x81\xa6"), 99, "\\u202e\\u2066" }, /* directions */
        { SPAN("\xf3\xa0\x81\x81"), 99, "\\ue0041" },               /* a tag */
        { SPAN("12345"), 5, "12345" },
        { SPAN("123456"), 5, "12345..." },
        { SPAN("\xe2\x82\xac\xe2\x82\xac"), 1, "\xe2\x82\xac..." },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf out;

        strbuf_init(&out, 4096);
        print_safe(&out, cases[i].text, cases[i].columns);
        assert_string_equal(out.ptr ? out.ptr : "", cases[i].want);
    }
}

static void test_pretty(UNUSED void **state)
{
    static const struct {
        struct span json;
        const char *want;
    } cases[] = {
        { SPAN(""), "\n" },
        { SPAN("1.50"), "1.50\n" },
        { SPAN("{}"), "{}\n" },
        { SPAN("[ ]"), "[]\n" },
        { SPAN("{\"a\":1}"), "{\n  \"a\": 1\n}\n" },
        { SPAN("{ \"a\" : [ 1 , 2 ] }"), "{\n  \"a\": [\n    1,\n    2\n  ]\n}\n" },
        { SPAN("{\"{[,:]}\":\"\\\"}\\\\\"}"), "{\n  \"{[,:]}\": \"\\\"}\\\\\"\n}\n" },
        { SPAN("{\"a\":\"\x1b\n\\u001b\"}"), "{\n  \"a\": \"\\x1b\\n\\u001b\"\n}\n" },
        { SPAN("one  two"), "one two\n" },
        { SPAN("\"open"), "\"open\n" },
        { SPAN("\"open\\"), "\"open\\\n" },
        { SPAN("]}"), "\n]\n}\n" },
        { SPAN("\x1b[2J"), "\\x1b[\n  2J\n" },
        { SPAN("\"\\\x1b\""), "\"\\\\x1b\"\n" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf out;

        strbuf_init(&out, 4096);
        print_pretty(&out, cases[i].json);
        assert_string_equal(out.ptr, cases[i].want);
    }
}

static void test_counts(UNUSED void **state)
{
    static struct letter_counts counts;
    _cleanup_strbuf_ struct strbuf out;

    strbuf_init(&out, 4096);
    print_counts(&out, &counts);
    assert_int_equal(out.len, 0);
    letter_count(&counts, &(struct letter){ .source = "facebook", .reason = "b" });
    letter_count(&counts, &(struct letter){ .source = "", .reason = "\x1b" });
    letter_count(&counts, &(struct letter){ .source = "facebook", .reason = "b" });
    print_counts(&out, &counts);
    assert_string_equal(out.ptr, "  by reason: b 2, \\x1b 1\n  by source: facebook 2, unknown 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safe),
        cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
