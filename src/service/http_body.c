/* A request's body is gathered in one buffer that doubles as bytes really come, whatever
 * Content-Length promises, up to the route's cap. All buffers of a server together stay under
 * inflight_max_bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/http_private.h"

#define FIRST_BYTES 4096
#define FIRST_BYTES_MAX (64 * 1024) /* what Content-Length alone is trusted with */
#define KEPT_BYTES (16 * 1024)

/* Counts the body as `size` bytes in flight; false when the server may not hold so much. */
static bool count_as(struct exchange *ex, size_t size)
{
    struct http_server *s = ex->conn->loop->server;
    size_t more = size - ex->body_counted;
    uint64_t before = atomic_fetch_add_explicit(&s->inflight_bytes, more, memory_order_relaxed);

    if (before + more > s->options.inflight_max_bytes) {
        atomic_fetch_sub_explicit(&s->inflight_bytes, more, memory_order_relaxed);
        return false;
    }
    ex->body_counted = size;
    return true;
}

static size_t next_size(const struct exchange *ex, size_t need, uint64_t expected)
{
    size_t size = MAX(ex->body_size * 2, (size_t)FIRST_BYTES);

    if (!ex->body_len)
        size = MAX(size, (size_t)MIN(expected, (uint64_t)FIRST_BYTES_MAX));
    else if (expected >= need && size > expected)
        size = (size_t)expected;
    return MAX(need, (size_t)MIN((uint64_t)size, ex->route->body_max));
}

int http_body_add(struct exchange *ex, const char *data, size_t len, uint64_t expected)
{
    size_t need = ex->body_len + len;
    size_t size = need > ex->body_size ? next_size(ex, need, expected) : ex->body_size;
    char *p = ex->body;

    if (need > ex->route->body_max)
        return -E2BIG;
    if (size > ex->body_counted && !count_as(ex, size))
        return -EBUSY;
    if (size > ex->body_size) {
        p = realloc(ex->body, size + HTTP_BODY_PADDING);
        if (!p)
            return -ENOMEM;
        ex->body = p;
        ex->body_size = size;
    }
    memcpy(p + ex->body_len, data, len);
    ex->body_len = need;
    return 0;
}

void http_body_drop(struct exchange *ex)
{
    struct http_server *s = ex->conn->loop->server;

    if (ex->body_counted)
        atomic_fetch_sub_explicit(&s->inflight_bytes, ex->body_counted, memory_order_relaxed);
    ex->body_counted = 0;
    ex->body_len = 0;
    if (ex->body_size <= KEPT_BYTES)
        return;
    free(ex->body);
    ex->body = NULL;
    ex->body_size = 0;
}

void http_body_take(struct http_request *req, struct http_body *ret)
{
    struct exchange *ex = exchange_of(req);

    *ret = (struct http_body){
        .ptr = ex->body,
        .len = ex->body_len,
        .size = ex->body_counted,
        .server = ex->conn->loop->server,
    };
    ex->body = NULL;
    ex->body_len = ex->body_size = ex->body_counted = 0;
}

void http_body_release(struct http_body *body)
{
    free(body->ptr);
    if (body->size)
        atomic_fetch_sub_explicit(&body->server->inflight_bytes, body->size, memory_order_relaxed);
    *body = (struct http_body){ 0 };
}
