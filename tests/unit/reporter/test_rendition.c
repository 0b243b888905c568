/* The forms of an answer: what is in each, and when two are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "reporter/rendition.h"

#define DATA SPAN("{\"totalRevenue\":12.50}")

struct form {
    bool csv, takes_gzip;
    const char *if_none_match;
};

static const struct form plain = { false, false, NULL };

static void render(struct rendition *r, const struct form *form, struct span data)
{
    const struct snapshot fresh = { .has_through = true, .through_usec = 1000000 };

    rendition_init(r);
    r->csv = form->csv;
    r->takes_gzip = form->takes_gzip;
    r->if_none_match = form->if_none_match ? strdup(form->if_none_match) : NULL;
    r->correlation_id = strdup("abc-\"1\"");
    assert_non_null(r->correlation_id);
    assert_int_equal(rendition_write(r, data, &fresh, /* took_usec= */ 1879), 0);
}

static void the_envelope(void **state UNUSED)
{
    static const char begin[] = "{\"success\":true,\"data\":{\"totalRevenue\":12.50},"
                                "\"dataThrough\":\"1970-01-01T00:00:01.000Z\",\"tookMs\":1.8,"
                                "\"correlationId\":\"abc-\\\"1\\\"\",\"timestamp\":\"2";
    struct rendition r;

    render(&r, &plain, DATA);
    assert_memory_equal(r.body.ptr, begin, sizeof(begin) - 1);
    assert_false(r.gzipped || r.unchanged);
    rendition_release(&r);
}

static void what_is_not_known_is_null(void **state UNUSED)
{
    const struct snapshot unknown = { .has_through = false };
    struct rendition r;

    rendition_init(&r);
    r.correlation_id = strdup("a");
    assert_int_equal(rendition_write(&r, DATA, &unknown, 0), 0);
    assert_non_null(strstr(r.body.ptr, "\"dataThrough\":null,\"tookMs\":0,"));
    assert_string_equal(r.through, "");
    rendition_release(&r);
}

static void csv_has_no_envelope(void **state UNUSED)
{
    const struct form csv = { .csv = true };
    struct rendition r;

    render(&r, &csv, DATA);
    assert_string_equal(r.body.ptr, "name,value\r\ntotalRevenue,12.50\r\n");
    assert_string_equal(r.through, "1970-01-01T00:00:01.000Z");
    rendition_release(&r);
}

static void etag_of(const struct form *form, struct span data, char ret[RENDITION_ETAG_BYTES])
{
    struct rendition r;

    render(&r, form, data);
    assert_int_equal(strlen(r.etag), RENDITION_ETAG_BYTES - 1);
    memcpy(ret, r.etag, RENDITION_ETAG_BYTES);
    rendition_release(&r);
}

static void a_tag_stands_for_data_and_form(void **state UNUSED)
{
    static const struct form csv = { .csv = true }, gzip = { .takes_gzip = true };
    char large[4096], tags[5][RENDITION_ETAG_BYTES], again[RENDITION_ETAG_BYTES];
    struct span data = span_of(large, sizeof(large));

    memset(large, ' ', sizeof(large));
    large[0] = '{';
    large[sizeof(large) - 1] = '}';
    etag_of(&plain, DATA, tags[0]);
    etag_of(&csv, DATA, tags[1]);
    etag_of(&plain, data, tags[2]);
    etag_of(&gzip, data, tags[3]);
    etag_of(&plain, SPAN("{}"), tags[4]);
    for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(tags[i], tags[k]);
    etag_of(&gzip, DATA, again); /* too small to be compressed: the same form */
    assert_string_equal(again, tags[0]);
}

static void what_the_client_has_is_not_made_again(void **state UNUSED)
{
    char tag[RENDITION_ETAG_BYTES];
    struct form known = plain;
    struct rendition r;

    etag_of(&plain, DATA, tag);
    known.if_none_match = tag;
    render(&r, &known, DATA);
    assert_true(r.unchanged);
    rendition_release(&r);
    render(&r, &known, SPAN("{\"totalRevenue\":12.51}"));
    assert_false(r.unchanged);
    rendition_release(&r);
}

static void large_ones_are_compressed(void **state UNUSED)
{
    static const struct form gzip = { .takes_gzip = true };
    _cleanup_strbuf_ struct strbuf data;
    struct rendition r;

    strbuf_init(&data, 1 << 20);
    (void)strbuf_adds(&data, "{\"a\":[0");
    while (data.len < 100000)
        (void)strbuf_adds(&data, ",12345");
    (void)strbuf_adds(&data, "]}");
    render(&r, &gzip, strbuf_span(&data));
    assert_true(r.gzipped);
    assert_true(r.body.len < data.len / 10);
    assert_memory_equal(r.body.ptr, "\x1f\x8b", 2);
    rendition_release(&r);
    render(&r, &plain, strbuf_span(&data));
    assert_true(!r.gzipped && r.body.len > data.len);
    rendition_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_envelope),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(csv_has_no_envelope),
        cmocka_unit_test(a_tag_stands_for_data_and_form),
        cmocka_unit_test(what_the_client_has_is_not_made_again),
        cmocka_unit_test(large_ones_are_compressed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
