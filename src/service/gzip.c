#include "service/gzip.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#define GZIP_ONLY (16 + MAX_WBITS)
#define MEMORY_LEVEL 8 /* zlib's default */

/* The fastest level: answers repeat their keys over and over, and the slower ones take several
 * times as long for a few percent. */
static int begin(z_stream *z, struct span bytes)
{
    if (bytes.len > UINT_MAX)
        return -ENOBUFS;
    if (deflateInit2(z, Z_BEST_SPEED, Z_DEFLATED, GZIP_ONLY, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return -ENOMEM;
    z->next_in = (Bytef *)(uintptr_t)bytes.ptr; /* zlib never writes to its input */
    z->avail_in = (uInt)bytes.len;
    return 0;
}

static int finish(z_stream *z, struct strbuf *out)
{
    size_t bound = deflateBound(z, z->avail_in);
    int r = bound > UINT_MAX ? -ENOBUFS : strbuf_reserve(out, bound);

    if (r < 0)
        return r;
    z->next_out = (Bytef *)out->ptr + out->len;
    z->avail_out = (uInt)bound;
    if (deflate(z, Z_FINISH) != Z_STREAM_END)
        return -ENOBUFS;
    out->len += bound - z->avail_out;
    out->ptr[out->len] = '\0';
    return 0;
}

int gzip_compress(struct span bytes, struct strbuf *out)
{
    z_stream z = { 0 };
    int r = begin(&z, bytes);

    if (r < 0)
        return r;
    r = finish(&z, out);
    (void)deflateEnd(&z);
    return r;
}
