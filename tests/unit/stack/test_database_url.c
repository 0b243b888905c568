#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/database_url.h"

static void test_split(void **state)
{
    static const struct {
        const char *url, *public, *password;
    } cases[] = {
        { "postgresql://u:secret@h:5/db", "postgresql://u@h:5/db", "secret" },
        { "postgres://u:s%20e%2Fc@h/db?sslmode=require", "postgres://u@h/db?sslmode=require",
          "s e/c" },
        { "postgresql://h/db", "postgresql://h/db", "" },
        { "postgresql://u@h1:1,h2:2/db", "postgresql://u@h1:1,h2:2/db", "" },
        { "postgresql://u:a:b@h1,h2/db", "postgresql://u@h1,h2/db", "a:b" },
        { "postgresql://h/db?password=p%40&user=u", "postgresql://h/db?user=u", "p@" },
        { "postgresql://h/db?user=u&password=p", "postgresql://h/db?user=u", "p" },
        { "postgresql://h?a=1", "postgresql://h?a=1", "" },
        { "postgresql://u:100%@h/db", "postgresql://u@h/db", "100%" },
        { "postgresql://u:x%2@h/db", "postgresql://u@h/db", "x%2" },
        { "host=h password=p dbname=d", "host=h dbname=d", "p" },
        { "password='a \\'b' host=h", "host=h", "a 'b" },
        { "host = h password = p\\ q", "host = h", "p q" },
        { "host='a password=b' user=u", "host='a password=b' user=u", "" },
        { "host=h password='open", "host=h", "open" },
        { "host=h\\", "host=h\\", "" },
        { "postgresql://u:p@h@x/db", "postgresql://u@h@x/db", "p" },
        { "postgresql://h/db?application_name=a:b@c", "postgresql://h/db?application_name=a:b@c",
          "" },
        { "postgresql://u:p@[::1]:5,h?user=a", "postgresql://u@[::1]:5,h?user=a", "p" },
        { "postgresql://h?%70assword=p&user=u", "postgresql://h?user=u", "p" },
        { "password\t=\tp host=h", "host=h", "p" },
        { "password=p\\", "", "p" },
        { "", "", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf public, password;

        strbuf_init(&public, 4096);
        strbuf_init(&password, 4096);
        assert_int_equal(database_url_split(cases[i].url, &public, &password), 0);
        assert_string_equal(public.ptr, cases[i].public);
        assert_string_equal(password.ptr, cases[i].password);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_split) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
