#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "service/dotenv.h"

static void values(void **state UNUSED)
{
    static const struct {
        const char *name, *text, *value; /* of KEY; NULL: refused */
    } cases[] = {
        { "plain", "KEY=value", "value" },
        { "trimmed", "  KEY =  a b\t\r\n", "a b" },
        { "empty", "KEY=", "" },
        { "export", "export KEY=1", "1" },
        { "comment behind", "KEY=a # why", "a" },
        { "hash within", "KEY=a#b", "a#b" },
        { "only a comment", "KEY= # none", "" },
        { "equals within", "KEY=a=b", "a=b" },
        { "single quotes", "KEY='a # \"b\" \\n'", "a # \"b\" \\n" },
        { "double quotes", "KEY=\"a # \\\"b\\\"\\n\\\\\"  # c", "a # \"b\"\n\\" },
        { "later wins", "KEY=1\nKEY=2\n", "2" },
        { "among others", "# c\n\nA=1\nKEY=2\nB=3", "2" },
        { "no equals", "KEY", NULL },
        { "no key", "=1", NULL },
        { "key with a space", "A KEY=1", NULL },
        { "key with a digit first", "1KEY=1", NULL },
        { "open quote", "KEY=\"a", NULL },
        { "escape at the end", "KEY=\"a\\", NULL },
        { "text behind the quote", "KEY='a' b", NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(dotenv_release) struct dotenv d;
        _cleanup_strbuf_ struct strbuf err;
        const struct dotenv_entry *e;
        int r;

        dotenv_init(&d);
        strbuf_init(&err, 256);
        r = dotenv_parse(&d, span_str(cases[i].text), ".env", &err);
        e = r < 0 ? NULL : dotenv_find(&d, "KEY");
        if (!cases[i].value != !e || (e && !span_eq(e->value, span_str(cases[i].value))))
            fail_msg("%s: %d '%.*s' %s", cases[i].name, r, e ? (int)e->value.len : 0,
                     e ? e->value.ptr : "", err.ptr);
    }
}

static void error_names_the_line(void **state UNUSED)
{
    _cleanup_(dotenv_release) struct dotenv d;
    _cleanup_strbuf_ struct strbuf err;

    dotenv_init(&d);
    strbuf_init(&err, 256);
    assert_int_equal(dotenv_parse(&d, SPAN("A=1\n\noops\n"), "x.env", &err), -EBADMSG);
    assert_string_equal(err.ptr, "x.env line 3 is not KEY=VALUE");
}

static void missing_file(void **state UNUSED)
{
    _cleanup_(dotenv_release) struct dotenv d;
    _cleanup_strbuf_ struct strbuf err;

    dotenv_init(&d);
    strbuf_init(&err, 256);
    assert_int_equal(dotenv_read(&d, "/nonexistent/.env", &err), -ENOENT);
    assert_string_equal(err.ptr, "cannot read /nonexistent/.env: No such file or directory");
    assert_null(dotenv_find(&d, "KEY"));
}

static void too_much(void **state UNUSED)
{
    _cleanup_(dotenv_release) struct dotenv d;
    _cleanup_strbuf_ struct strbuf err, text;

    dotenv_init(&d);
    strbuf_init(&err, 256);
    strbuf_init(&text, 1 << 16);
    for (int i = 0; i < 1025; i++)
        (void)strbuf_addf(&text, "K%d=1\n", i);
    assert_int_equal(dotenv_parse(&d, strbuf_span(&text), ".env", &err), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(error_names_the_line),
        cmocka_unit_test(missing_file),
        cmocka_unit_test(too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
