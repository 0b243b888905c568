/* Which route a request is for. */
#include <string.h>

#include "service/http_private.h"

static bool path_matches(const struct http_route *route, const char *path)
{
    size_t n = strlen(route->path);

    if (n >= 2 && strcmp(route->path + n - 2, "/*") == 0)
        return strncmp(route->path, path, n - 1) == 0;
    return strcmp(route->path, path) == 0;
}

static bool method_matches(const struct http_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* "GET, HEAD, POST" of the path's routes; empty when there is no such path. */
static void list_methods(const struct http_server *s, const char *path, struct strbuf *out)
{
    for (size_t i = 0; i < s->options.route_count; i++) {
        const struct http_route *route = &s->options.routes[i];

        if (!path_matches(route, path))
            continue;
        (void)strbuf_addf(out, "%s%s%s", out->len ? ", " : "", route->method,
                          strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
    }
}

bool http_route_find(struct exchange *ex, struct http_refusal *ret)
{
    const struct http_server *s = ex->conn->loop->server;
    _cleanup_strbuf_ struct strbuf allow;

    strbuf_init(&allow, 256);
    for (size_t i = 0; i < s->options.route_count; i++) {
        const struct http_route *route = &s->options.routes[i];

        if (path_matches(route, ex->req.path) && method_matches(route, ex->req.method)) {
            ex->route = route;
            return false;
        }
    }
    list_methods(s, ex->req.path, &allow);
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
    return true;
}
