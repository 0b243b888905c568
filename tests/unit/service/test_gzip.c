/* What was compressed is what comes out again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <zlib.h>

#include "service/gzip.h"

static void assert_comes_back(struct span bytes, struct span gzip)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)gzip.ptr, .avail_in = (uInt)gzip.len };
    char *back = malloc(bytes.len + 1);

    assert_non_null(back);
    assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
    z.next_out = (Bytef *)back;
    z.avail_out = (uInt)bytes.len + 1;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(z.total_out, bytes.len);
    assert_memory_equal(back, bytes.ptr, bytes.len);
    (void)inflateEnd(&z);
    free(back);
}

static void sizes_come_back(void **state UNUSED)
{
    static const size_t sizes[] = { 0, 1, 1024, 100000, 3000000 };

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        _cleanup_strbuf_ struct strbuf bytes, gzip;

        strbuf_init(&bytes, sizes[i] + 64);
        strbuf_init(&gzip, sizes[i] + 1024);
        while (bytes.len < sizes[i])
            (void)strbuf_addf(&bytes, "{\"n\":%zu},", bytes.len);
        strbuf_truncate(&bytes, sizes[i]);
        (void)strbuf_adds(&gzip, "before");
        assert_int_equal(gzip_compress(strbuf_span(&bytes), &gzip), 0);
        assert_memory_equal(gzip.ptr, "before", 6);
        assert_comes_back(strbuf_span(&bytes), span_of(gzip.ptr + 6, gzip.len - 6));
        if (sizes[i] > 10000)
            assert_true(gzip.len < sizes[i] / 2);
    }
}

static void the_cap_holds(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf gzip;

    strbuf_init(&gzip, 8);
    assert_int_equal(gzip_compress(SPAN("a text that is longer than that"), &gzip), -ENOBUFS);
    assert_int_equal(gzip.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_come_back),
        cmocka_unit_test(the_cap_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
