/*
 * Which route a request is for.
 *
 * Exact paths and prefixes are compared with the path as MHD decoded it. A path with {segments} is
 * compared with the raw one, segment by segment, because %2F is a slash of an id and no end of one.
 */
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "service/http_private.h"

/* In the order in which they are looked through. */
enum route_form { FORM_EXACT, FORM_SEGMENTS, FORM_PREFIX, FORM_COUNT };

static enum route_form form_of(const struct http_route *route)
{
    size_t n = strlen(route->path);

    if (n >= 2 && strcmp(route->path + n - 2, "/*") == 0)
        return FORM_PREFIX;
    return strchr(route->path, '{') ? FORM_SEGMENTS : FORM_EXACT;
}

/* Takes what follows the next slash, up to the one after it. */
static bool next_segment(struct span *rest, struct span *ret)
{
    const char *end;

    if (!rest->len || rest->ptr[0] != '/')
        return false;
    *rest = span_of(rest->ptr + 1, rest->len - 1);
    end = rest->len ? memchr(rest->ptr, '/', rest->len) : NULL;
    *ret = span_of(rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len);
    *rest = span_of(rest->ptr + ret->len, rest->len - ret->len);
    return true;
}

static bool is_utf8(struct span s)
{
    size_t n;

    for (; s.len; s = span_of(s.ptr + n, s.len - n)) {
        n = utf8_sequence(s.ptr, s.len);
        if (!n)
            return false;
    }
    return true;
}

/* 1 when the path has the pattern's form, 0 when not, -EINVAL when a segment cannot be taken. */
static int match_segments(struct exchange *ex, const char *pattern)
{
    struct span path = ex->raw_path.ptr ? ex->raw_path : span_str(ex->req.path);
    struct span rest = span_str(pattern), wanted, segment, found[HTTP_SEGMENTS_MAX] = { 0 };
    size_t count = 0;
    bool bad = false;

    while (next_segment(&rest, &wanted)) {
        bool is_open = wanted.len && wanted.ptr[0] == '{';

        if (!next_segment(&path, &segment) || (is_open && !segment.len))
            return 0;
        if (http_decode(&ex->arena, segment, /* plus_is_space= */ false, &segment) < 0)
            return -ENOMEM;
        if (!is_open && !span_eq(segment, wanted))
            return 0;
        if (!is_open || count == HTTP_SEGMENTS_MAX)
            continue;
        bad = bad || segment.len > HTTP_SEGMENT_MAX || !is_utf8(segment);
        found[count++] = segment;
    }
    if (path.len)
        return 0;
    if (bad)
        return -EINVAL;
    memcpy(ex->req.segments, found, sizeof(found));
    return 1;
}

static int match_path(struct exchange *ex, const struct http_route *route)
{
    switch (form_of(route)) {
    case FORM_SEGMENTS:
        return match_segments(ex, route->path);
    case FORM_PREFIX:
        return strncmp(route->path, ex->req.path, strlen(route->path) - 1) == 0;
    default:
        return strcmp(route->path, ex->req.path) == 0;
    }
}

static bool method_matches(const struct http_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* "GET, HEAD, POST" of the path's routes; empty when there is no such path. */
static void list_methods(struct exchange *ex, struct strbuf *out)
{
    const struct http_server *s = ex->conn->loop->server;

    for (size_t i = 0; i < s->options.route_count; i++) {
        const struct http_route *route = &s->options.routes[i];

        if (match_path(ex, route) <= 0)
            continue;
        (void)strbuf_addf(out, "%s%s%s", out->len ? ", " : "", route->method,
                          strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
    }
}

/* As match_path() for the first route that is for the request. */
static int find_route(struct exchange *ex)
{
    const struct http_server *s = ex->conn->loop->server;

    for (int form = FORM_EXACT; form < FORM_COUNT; form++) {
        for (size_t i = 0; i < s->options.route_count; i++) {
            const struct http_route *route = &s->options.routes[i];
            int r;

            if (!method_matches(route, ex->req.method) || (int)form_of(route) != form)
                continue;
            r = match_path(ex, route);
            if (r > 0)
                ex->route = route;
            if (r != 0)
                return r;
        }
    }
    return 0;
}

static void refuse_path(struct exchange *ex, struct http_refusal *ret)
{
    _cleanup_strbuf_ struct strbuf allow;

    strbuf_init(&allow, 256);
    list_methods(ex, &allow);
    *ret = (struct http_refusal){ .status = 404,
                                  .reason = REFUSED_NOT_FOUND,
                                  .code = "not_found",
                                  .message = "there is nothing at this path" };
    if (allow.len)
        *ret = (struct http_refusal){
            .status = 405,
            .reason = REFUSED_METHOD,
            .code = "method_not_allowed",
            .message = "this path takes another method; see Allow",
            .header = { "Allow", arena_strndup(&ex->arena, allow.ptr, allow.len) },
        };
    if (strbuf_error(&allow) || (allow.len && !ret->header.value))
        *ret = http_refusal_busy; /* no memory */
}

bool http_route_find(struct exchange *ex, struct http_refusal *ret)
{
    int r = find_route(ex);

    if (r == 0)
        refuse_path(ex, ret);
    else if (r == -EINVAL)
        *ret = (struct http_refusal){
            .status = 400,
            .reason = REFUSED_MALFORMED,
            .code = "bad_path",
            .message = "a segment of the path is not UTF-8, or longer than 1024 bytes",
        };
    else if (r < 0)
        *ret = http_refusal_busy; /* no memory */
    return r <= 0;
}
