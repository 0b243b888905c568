#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/inflate.h"

#define PADDING 64

/* Appends one gzip member that holds n bytes of c. */
static void pack(struct strbuf *out, char c, size_t n)
{
    z_stream z = { 0 };
    char *plain = malloc(n + 1);
    size_t bound;

    assert_non_null(plain);
    memset(plain, c, n);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    bound = deflateBound(&z, n);
    assert_int_equal(strbuf_reserve(out, bound), 0);
    z.next_in = (Bytef *)plain;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)out->ptr + out->len;
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += bound - z.avail_out;
    (void)deflateEnd(&z);
    free(plain);
}

static void sizes_around_the_cap(void **state)
{
    static const struct {
        size_t bytes, cap;
        int result;
    } rows[] = {
        { 0, 100, 0 },
        { 1, 1, 0 },
        { 99, 100, 0 },
        { 100, 100, 0 },
        { 101, 100, -EFBIG },
        { 40000, 40000, 0 },
        { 40001, 40000, -EFBIG },
        { 1 << 20, 1 << 20, 0 },
        { (1 << 20) + 1, 1 << 20, -EFBIG },
    };
    struct inflater inflater;

    (void)state;
    inflater_init(&inflater);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_strbuf_ struct strbuf gzip, out;

        strbuf_init(&gzip, 4 << 20); /* deflateBound() is generous */
        strbuf_init(&out, rows[i].cap + PADDING);
        pack(&gzip, 'x', rows[i].bytes);
        assert_int_equal(inflater_run(&inflater, strbuf_span(&gzip), rows[i].cap, PADDING, &out),
                         rows[i].result);
        assert_true(out.len <= rows[i].cap);
        if (rows[i].result < 0)
            continue;
        assert_int_equal(out.len, rows[i].bytes);
        assert_true(out.size > out.len + PADDING);
        for (size_t k = 0; k < out.len; k++)
            assert_int_equal(out.ptr[k], 'x');
    }
    inflater_release(&inflater);
}

static void members_follow_each_other(void **state)
{
    _cleanup_strbuf_ struct strbuf gzip, out;
    struct inflater inflater;

    (void)state;
    strbuf_init(&gzip, 4096);
    strbuf_init(&out, 4096);
    inflater_init(&inflater);
    pack(&gzip, 'a', 3);
    pack(&gzip, 'b', 0);
    pack(&gzip, 'c', 2);
    assert_int_equal(inflater_run(&inflater, strbuf_span(&gzip), 100, PADDING, &out), 0);
    assert_string_equal(out.ptr, "aaacc");
    assert_int_equal(inflater_run(&inflater, strbuf_span(&gzip), 5, PADDING, &out), 0);
    assert_int_equal(inflater_run(&inflater, strbuf_span(&gzip), 4, PADDING, &out), -EFBIG);
    inflater_release(&inflater);
}

/* Whatever is cut off, added or flipped is noticed; and the inflater works on after it. */
static void broken_streams(void **state)
{
    _cleanup_strbuf_ struct strbuf gzip, bad, out;
    struct inflater inflater;

    (void)state;
    strbuf_init(&gzip, 4096);
    strbuf_init(&bad, 4096);
    strbuf_init(&out, 4096);
    inflater_init(&inflater);
    pack(&gzip, 'a', 500);
    for (size_t n = 0; n < gzip.len; n++)
        assert_int_equal(inflater_run(&inflater, span_of(gzip.ptr, n), 1000, PADDING, &out),
                         -EBADMSG);
    strbuf_addspan(&bad, strbuf_span(&gzip));
    strbuf_addc(&bad, 'x');
    assert_int_equal(inflater_run(&inflater, strbuf_span(&bad), 1000, PADDING, &out), -EBADMSG);
    /* With no room left, something behind the end is still found. */
    assert_int_equal(inflater_run(&inflater, strbuf_span(&bad), 500, PADDING, &out), -EBADMSG);
    strbuf_truncate(&bad, gzip.len);
    bad.ptr[bad.len - 1] ^= 1;
    assert_int_equal(inflater_run(&inflater, strbuf_span(&bad), 1000, PADDING, &out), -EBADMSG);
    assert_int_equal(inflater_run(&inflater, SPAN("not gzip"), 1000, PADDING, &out), -EBADMSG);
    assert_int_equal(inflater_run(&inflater, strbuf_span(&gzip), 1000, PADDING, &out), 0);
    assert_int_equal(out.len, 500);
    inflater_release(&inflater);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_around_the_cap),
        cmocka_unit_test(members_follow_each_other),
        cmocka_unit_test(broken_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
