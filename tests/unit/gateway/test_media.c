#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/macros.h"
#include "gateway/media.h"

static void content_types(void **state)
{
    static const struct {
        const char *type;
        bool bulk;
        int form; /* <0: refused */
    } rows[] = {
        { NULL, false, SPLIT_JSON },
        { NULL, true, SPLIT_BULK },
        { "application/json", false, SPLIT_JSON },
        { "application/json", true, SPLIT_BULK },
        { " Application/JSON ", false, SPLIT_JSON },
        { "application/json;charset=utf-8", false, SPLIT_JSON },
        { "application/json; charset=\"UTF-8\"", false, SPLIT_JSON },
        { "application/json ; q=1; charset = us-ascii", false, SPLIT_JSON },
        { "application/json;", false, SPLIT_JSON },
        { "application/json; charset", false, -EINVAL },
        { "application/x-ndjson", false, SPLIT_LINES },
        { "application/x-ndjson; charset=utf8", false, SPLIT_LINES },
        { "application/x-ndjson", true, -EINVAL },
        { "application/json; charset=utf-16", false, -EINVAL },
        { "application/json; charset=", false, -EINVAL },
        { "application/json; charset=\"", false, -EINVAL },
        { "application/jsonx", false, -EINVAL },
        { "text/json", false, -EINVAL },
        { "", false, -EINVAL },
        { ";", false, -EINVAL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        enum split_form form = SPLIT_LINES;
        int r = media_form(rows[i].type, rows[i].bulk, &form);

        if (rows[i].form < 0)
            assert_int_equal(r, rows[i].form);
        else
            assert_int_equal(r, 0);
        if (r == 0)
            assert_int_equal(form, rows[i].form);
    }
}

static void content_codings(void **state)
{
    static const struct {
        const char *coding;
        int result;
        bool gzip;
    } rows[] = {
        { NULL, 0, false },     { "identity", 0, false },         { "gzip", 0, true },
        { "GZIP", 0, true },    { " x-gzip ", 0, true },          { "br", -EINVAL, false },
        { "", -EINVAL, false }, { "gzip, gzip", -EINVAL, false }, { "deflate", -EINVAL, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool gzip = !rows[i].gzip;
        int r = media_coding(rows[i].coding, &gzip);

        assert_int_equal(r, rows[i].result);
        if (r == 0)
            assert_int_equal(gzip, rows[i].gzip);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_types),
        cmocka_unit_test(content_codings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
