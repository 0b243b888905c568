#include "gateway/inflate.h"

#include <errno.h>
#include <limits.h>

#define GZIP_ONLY (16 + MAX_WBITS)
/* The least room an inflate() call is given. */
#define STEP_BYTES ((size_t)16 * 1024)

void inflater_init(struct inflater *in)
{
    *in = (struct inflater){ 0 };
}

void inflater_release(struct inflater *in)
{
    if (in->ready)
        (void)inflateEnd(&in->z);
    in->ready = false;
}

static int begin(struct inflater *in, struct span gzip)
{
    int r = in->ready ? inflateReset(&in->z) : inflateInit2(&in->z, GZIP_ONLY);

    if (r != Z_OK)
        return -ENOMEM;
    in->ready = true;
    if (gzip.len > UINT_MAX)
        return -EFBIG;
    in->z.next_in = (Bytef *)(uintptr_t)gzip.ptr; /* zlib never writes to its input */
    in->z.avail_in = (uInt)gzip.len;
    return 0;
}

/* One inflate() call into the free room of out; at most max_bytes in all. Returns zlib's word. */
static int step(struct inflater *in, size_t max_bytes, struct strbuf *out)
{
    size_t room = MIN(out->size - 1 - out->len, max_bytes - out->len);
    uInt given = (uInt)MIN(room, (size_t)UINT_MAX);
    int r;

    in->z.next_out = (Bytef *)out->ptr + out->len;
    in->z.avail_out = given;
    r = inflate(&in->z, Z_NO_FLUSH);
    out->len += given - in->z.avail_out;
    out->ptr[out->len] = '\0';
    return r;
}

/* Whether the stream holds more although max_bytes are full: only its end may follow. */
static int finish_full(struct inflater *in)
{
    Bytef one;
    int r;

    in->z.next_out = &one;
    in->z.avail_out = 1;
    r = inflate(&in->z, Z_NO_FLUSH);
    if (in->z.avail_out == 0)
        return Z_BUF_ERROR;
    return r;
}

int inflater_run(struct inflater *in, struct span gzip, size_t max_bytes, size_t padding,
                 struct strbuf *out)
{
    int r;

    strbuf_reset(out);
    r = begin(in, gzip);
    while (r == 0) {
        if (strbuf_reserve(out, MIN(STEP_BYTES, max_bytes - out->len) + padding) < 0)
            return -ENOMEM;
        if (out->len == max_bytes) {
            r = finish_full(in);
            if (r == Z_BUF_ERROR && in->z.avail_out == 0)
                return -EFBIG;
        } else {
            r = step(in, max_bytes, out);
        }
        if (r == Z_STREAM_END && in->z.avail_in == 0)
            return 0;
        if (r == Z_STREAM_END)
            r = inflateReset(&in->z); /* the next member; anything else fails as its header */
        else if (r == Z_MEM_ERROR)
            return -ENOMEM;
        else if (r != Z_OK)
            return -EBADMSG;
    }
    return r;
}
