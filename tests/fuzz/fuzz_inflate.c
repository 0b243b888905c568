/* gzip bodies. Arbitrary bytes: taken exactly when zlib's own functions for files take them to the
 * last byte, with the same result, and never more than the cap. The input compressed: comes back,
 * under a cap that just fits, and not under one that is a byte too small. */
#include <errno.h>

#include "fuzz.h"
#include "gateway/inflate.h"

#define CAP ((size_t)256 * 1024)
#define PADDING 64

/* Member by member into one buffer; false when something is broken or it is more than the cap. */
static bool inflate_whole(const uint8_t *data, size_t size, struct strbuf *out)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size };
    int r = Z_STREAM_END;

    EXPECT(strbuf_reserve(out, CAP + 1) == 0);
    z.next_out = (Bytef *)out->ptr;
    z.avail_out = CAP + 1;
    while (r == Z_STREAM_END && z.avail_in) {
        EXPECT(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK);
        r = inflate(&z, Z_FINISH);
        (void)inflateEnd(&z);
    }
    out->len = CAP + 1 - z.avail_out;
    return size && r == Z_STREAM_END && out->len <= CAP;
}

static void check_arbitrary(struct inflater *in, const uint8_t *data, size_t size)
{
    _cleanup_strbuf_ struct strbuf out, expected;
    int r;

    strbuf_init(&out, CAP + PADDING);
    strbuf_init(&expected, CAP + 1);
    r = inflater_run(in, span_of(data, size), CAP, PADDING, &out);
    EXPECT((r == 0) == inflate_whole(data, size, &expected));
    EXPECT(r == 0 || r == -EBADMSG || r == -EFBIG);
    if (r == -EFBIG)
        EXPECT(expected.len > CAP);
    if (r == 0) {
        EXPECT(span_eq(strbuf_span(&out), strbuf_span(&expected)));
        EXPECT(out.size >= out.len + PADDING);
    }
}

static void check_compressed(struct inflater *in, const uint8_t *data, size_t size)
{
    _cleanup_strbuf_ struct strbuf packed, out;
    z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size };
    int level = size ? data[0] % 10 : 0;

    strbuf_init(&packed, CAP * 2);
    strbuf_init(&out, size + PADDING);
    EXPECT(deflateInit2(&z, level, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    EXPECT(strbuf_reserve(&packed, deflateBound(&z, size)) == 0);
    z.next_out = (Bytef *)packed.ptr;
    z.avail_out = (uInt)packed.size;
    EXPECT(deflate(&z, Z_FINISH) == Z_STREAM_END);
    packed.len = z.total_out;
    (void)deflateEnd(&z);
    EXPECT(inflater_run(in, strbuf_span(&packed), size, PADDING, &out) == 0);
    EXPECT(span_eq(strbuf_span(&out), span_of(data, size)));
    if (size)
        EXPECT(inflater_run(in, strbuf_span(&packed), size - 1, PADDING, &out) == -EFBIG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct inflater in;

    if (size > CAP)
        return 0;
    check_arbitrary(&in, data, size);
    check_compressed(&in, data, size);
    return 0;
}
