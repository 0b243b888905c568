/* The query string, read from the raw URI: what MHD offers loses %00 and what follows it. */
#include <errno.h>

#include "service/http_private.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int decode(struct arena *a, struct span raw, struct span *ret)
{
    char *out = arena_alloc(a, raw.len + 1);
    size_t n = 0;

    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        int high = c == '%' && i + 2 < raw.len ? hex_digit(raw.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(raw.ptr[i + 2]) : -1;

        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    *ret = span_of(out, n);
    return 0;
}

int http_query_each(const struct http_request *req, http_query_fn fn, void *ctx)
{
    struct span rest = exchange_of(req)->query;

    for (struct span pair; span_split(&rest, '&', &pair);) {
        struct span name, value;
        int r;

        if (!pair.len)
            continue;
        (void)span_split(&pair, '=', &name);
        r = decode(req->arena, name, &name);
        if (r < 0)
            return r;
        r = decode(req->arena, pair, &value);
        if (r < 0)
            return r;
        r = fn(ctx, name, value);
        if (r)
            return r;
    }
    return 0;
}

const char *http_header(const struct http_request *req, const char *name)
{
    return MHD_lookup_connection_value(exchange_of(req)->conn->mhd, MHD_HEADER_KIND, name);
}
