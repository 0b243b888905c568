/* Total deadlines, which MHD has not: its timeouts count inactivity, so that a client that sends or
 * reads one byte now and then would hold its connection for ever, and none run while a request is
 * handled. */
#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "service/http_private.h"

#define LINGER_USEC (5 * USEC_PER_SEC)
#define LAST_REQUEST_USEC (1 * USEC_PER_SEC)

static uint64_t time_on(const struct http_server *s, enum conn_list list)
{
    const struct http_server_options *o = &s->options;

    switch (list) {
    case LIST_IDLE:
        return o->idle_timeout_usec + o->request_timeout_usec;
    case LIST_ACTIVE:
    case LIST_SENDING:
        return o->request_timeout_usec;
    case LIST_LINGERING:
        return LINGER_USEC;
    default:
        return UINT64_MAX / 2; /* CLOSING: MHD frees it on its next turn */
    }
}

/* When a draining loop ends a connection that has no request. */
static uint64_t last_moment(const struct http_conn *conn)
{
    return MAX(conn->since_usec, conn->loop->drained_usec) + LAST_REQUEST_USEC;
}

uint64_t http_deadlines_next(const struct http_loop *loop)
{
    uint64_t next = UINT64_MAX;

    if (loop->draining && !TAILQ_EMPTY(&loop->lists[LIST_IDLE]))
        next = last_moment(TAILQ_FIRST(&loop->lists[LIST_IDLE]));
    for (int i = 0; i < LIST_CLOSING; i++) {
        const struct http_conn *conn = TAILQ_FIRST(&loop->lists[i]);

        if (conn)
            next = MIN(next, conn->since_usec + time_on(loop->server, (enum conn_list)i));
    }
    return next;
}

static void cut(struct http_conn *conn, const struct http_refusal *late)
{
    struct exchange *ex = conn->exchange;

    switch (conn->phase) {
    case CONN_RECEIVING:
        http_refuse_body(ex, late == &http_refusal_late ? &http_refusal_slow : late);
        break;
    case CONN_HANDLING:
        if (ex->route->aborted)
            ex->route->aborted(&ex->req, ex->route->ctx);
        http_reply_error(&ex->req, late->status, late->code, late->message, &late->header, 1);
        break;
    case CONN_LINGERING:
        http_conn_shut(conn);
        break;
    default:
        http_metrics_cut(conn->loop->server, CUT_SLOW);
        http_conn_shut(conn);
    }
}

void http_deadlines_expire(struct http_loop *loop)
{
    uint64_t now = clock_mono_usec();

    for (int i = 0; i < LIST_CLOSING; i++) {
        uint64_t time = time_on(loop->server, (enum conn_list)i);
        struct http_conn *conn;

        while ((conn = TAILQ_FIRST(&loop->lists[i])) && conn->since_usec + time <= now)
            cut(conn, &http_refusal_late);
    }
}

static bool has_unread(const struct http_conn *conn)
{
    char c;

    return recv(conn->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void http_deadlines_end_idle(struct http_loop *loop)
{
    uint64_t now = clock_mono_usec();
    struct http_conn *conn, *next;

    for (conn = TAILQ_FIRST(&loop->lists[LIST_IDLE]); conn; conn = next) {
        next = TAILQ_NEXT(conn, link);
        if (last_moment(conn) > now)
            break;
        if (has_unread(conn))
            loop->again = true;
        else
            http_conn_shut(conn);
    }
}

bool http_deadlines_cut_all(struct http_loop *loop)
{
    bool any = !TAILQ_EMPTY(&loop->lists[LIST_ACTIVE]);
    struct http_conn *conn;

    while ((conn = TAILQ_FIRST(&loop->lists[LIST_ACTIVE])))
        cut(conn, &http_refusal_stopping);
    return any;
}
