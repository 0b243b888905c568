/* What clients say they take, as RFC 9110 means it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "service/http_accept.h"

static void media_types(void **state UNUSED)
{
    static const struct {
        const char *accept;
        unsigned csv, json;
    } cases[] = {
        { NULL, 1000, 1000 },
        { "", 0, 0 },
        { "*/*", 1000, 1000 },
        { "text/csv", 1000, 0 },
        { "TEXT/CSV", 1000, 0 },
        { "text/*", 1000, 0 },
        { "text/*;q=0.3, */*;q=0.1", 300, 100 },
        { "*/*;q=0.8, text/csv;q=0", 0, 800 },
        { "text/csv;q=0.2,text/*;q=0.9", 200, 0 },
        { " application/json ; q=0.5 ,text/csv ; header=present ; q=0.25", 250, 500 },
        { "text/csv;Q=0.5", 500, 0 },
        { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 800, 800 },
        { "text/csv;q=1.000, application/json;q=1", 1000, 1000 },
        { "text/csv;q=1.001, application/json;q=-1", 0, 0 },
        { "text/csv;q=, application/json;q=abc", 0, 0 },
        { "text/csv;q=0.1234", 0, 0 },
        { "text/csvx, te/*, text/", 0, 0 },
        { ",,;;=,\"", 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned csv = http_accept_type(cases[i].accept, "text/csv");
        unsigned json = http_accept_type(cases[i].accept, "application/json");

        if (csv != cases[i].csv || json != cases[i].json)
            fail_msg("\"%s\": csv %u, json %u", cases[i].accept, csv, json);
    }
}

static void content_codings(void **state UNUSED)
{
    static const struct {
        const char *accept;
        unsigned gzip;
    } cases[] = {
        { NULL, 0 },          { "", 0 },
        { "identity", 0 },    { "gzip", 1000 },
        { "GZip", 1000 },     { "deflate, gzip;q=0.5, br", 500 },
        { "*", 1000 },        { "*;q=0.4, gzip;q=0", 0 },
        { "gzip;q=0, *", 0 }, { "gzip;q=0.0", 0 },
        { "gzipped", 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (http_accept_coding(cases[i].accept, "gzip") != cases[i].gzip)
            fail_msg("\"%s\"", cases[i].accept);
}

static void entity_tags(void **state UNUSED)
{
    static const struct {
        const char *list;
        bool among;
    } cases[] = {
        { NULL, false },
        { "", false },
        { "\"ab\"", true },
        { "W/\"ab\"", true },
        { " * ", true },
        { "\"x\", W/\"y\",\"ab\"", true },
        { "\"x,y\", \"ab\"", true },
        { "\"x\",\"abc\"", false },
        { "ab", false },
        { "\"ab", false },
        { "\"\"ab\"", false },
        { "*, \"x\"", false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (http_etag_among(cases[i].list, SPAN("\"ab\"")) != cases[i].among)
            fail_msg("%s", cases[i].list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_types),
        cmocka_unit_test(content_codings),
        cmocka_unit_test(entity_tags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
