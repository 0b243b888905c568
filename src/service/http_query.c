/* The query string, read from the raw URI: what MHD offers loses %00 and what follows it. */
#include "service/http_private.h"

int http_query_each(const struct http_request *req, http_query_fn fn, void *ctx)
{
    struct span rest = exchange_of(req)->query;

    for (struct span pair; span_split(&rest, '&', &pair);) {
        struct span name, value;
        int r;

        if (!pair.len)
            continue;
        (void)span_split(&pair, '=', &name);
        r = http_decode(req->arena, name, /* plus_is_space= */ true, &name);
        if (r < 0)
            return r;
        r = http_decode(req->arena, pair, /* plus_is_space= */ true, &value);
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
