#include "service/observer.h"

#include <errno.h>

#include "service/health.h"

/* Those who look after this process, and a scraper or two. */
#define CONNECTIONS_MAX 16

struct observer {
    struct http_route routes[HEALTH_ROUTE_COUNT];
    struct http_server *http;
};

struct observer *observer_free(struct observer *o)
{
    if (!o)
        return NULL;
    o->http = http_server_free(o->http);
    free(o);
    return NULL;
}

int observer_new(struct service *s, int listen_fd, struct observer **ret, struct strbuf *err)
{
    _cleanup_(observer_freep) struct observer *o = calloc(1, sizeof(*o));
    const struct settings *c = &s->settings;
    struct http_server_options options = {
        .host = c->host,
        .listen_fd = listen_fd,
        .threads = 1,
        .connections_max = CONNECTIONS_MAX,
        .header_max_bytes = c->header_max_bytes,
        .idle_timeout_usec = c->idle_timeout_usec,
        .request_timeout_usec = c->request_timeout_usec,
        .inflight_max_bytes = c->inflight_max_bytes,
        .route_count = HEALTH_ROUTE_COUNT,
        .log = &s->log,
    };
    int r;

    if (!o)
        return -ENOMEM;
    for (size_t i = 0; i < HEALTH_ROUTE_COUNT; i++) {
        o->routes[i] = health_routes[i];
        o->routes[i].ctx = s;
    }
    options.routes = o->routes;
    r = http_server_new(&options, &o->http, err);
    if (r == 0)
        r = http_server_start(o->http, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(o);
    return 0;
}
