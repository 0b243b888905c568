/*
 * Clients that go away while they wait. MHD does not look at a suspended connection, so that its
 * handler would work for nobody until it answers; where that is dear (a query of seconds), the loop
 * looks itself, now and then. A client that has closed its sending side counts as gone: a killed
 * one looks no different.
 */
#include <poll.h>

#include "base/clock.h"
#include "service/http_private.h"

#define LOOK_USEC (250 * USEC_PER_MSEC)
#define LOOKED_AT_MAX 256 /* the longest waiting ones */

static bool is_gone(const struct http_conn *conn)
{
    struct pollfd fd = { .fd = conn->fd, .events = POLLRDHUP };

    return poll(&fd, 1, 0) > 0;
}

/* The connection is resumed only to be closed. */
static void forget(struct http_conn *conn)
{
    struct exchange *ex = conn->exchange;

    if (ex->route->aborted)
        ex->route->aborted(&ex->req, ex->route->ctx);
    ex->replied = true;
    http_metrics_cut(conn->loop->server, CUT_GONE);
    http_conn_shut(conn);
    http_wait_end(conn);
}

void http_gone_look(struct http_loop *loop)
{
    struct http_conn *conn, *next;
    int left = LOOKED_AT_MAX;

    if (http_gone_next(loop) > loop->now_usec)
        return;
    loop->looked_usec = loop->now_usec;
    for (conn = TAILQ_FIRST(&loop->lists[LIST_ACTIVE]); conn && left; conn = next) {
        next = TAILQ_NEXT(conn, link);
        if (conn->phase != CONN_HANDLING || conn->wait != WAIT_SUSPENDED)
            continue;
        left--;
        if (is_gone(conn))
            forget(conn);
    }
}

uint64_t http_gone_next(const struct http_loop *loop)
{
    bool waits = loop->server->options.watch_clients && !TAILQ_EMPTY(&loop->lists[LIST_ACTIVE]);

    return waits ? loop->looked_usec + LOOK_USEC : UINT64_MAX;
}
