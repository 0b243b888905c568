/*
 * What a loop does when all its places are taken: new connections wait in the kernel's queue, and
 * those that have been idle for longest make room for them. So clients that hold connections
 * without using them cannot shut others out; what is at work is never ended for that.
 */
#include <poll.h>

#include "base/clock.h"
#include "service/http_private.h"

#define IDLE_MIN_USEC (500 * USEC_PER_MSEC) /* time to send a request after connecting */
#define LOOK_USEC (50 * USEC_PER_MSEC)
#define ROOM_MAX 64

static bool is_full(const struct http_loop *loop)
{
    return atomic_load_explicit(&loop->connections, memory_order_relaxed) >= loop->places &&
           !loop->draining;
}

static bool somebody_waits(const struct http_loop *loop)
{
    struct pollfd queue = { .fd = loop->server->listen_fd, .events = POLLIN };

    return poll(&queue, 1, 0) > 0;
}

void http_room_make(struct http_loop *loop)
{
    uint64_t wanted = MIN(loop->places / 8 + 1, (uint64_t)ROOM_MAX);
    uint64_t now;
    struct http_conn *conn;

    /* What was closed already makes room on MHD's next run. */
    if (!is_full(loop) || !TAILQ_EMPTY(&loop->lists[LIST_CLOSING]) || !somebody_waits(loop))
        return;
    now = clock_mono_usec();
    for (; wanted && (conn = TAILQ_FIRST(&loop->lists[LIST_IDLE])); wanted--) {
        if (conn->since_usec + IDLE_MIN_USEC > now)
            return;
        http_metrics_cut(loop->server, CUT_FOR_ROOM);
        http_conn_shut(conn);
    }
}

uint64_t http_room_next(const struct http_loop *loop)
{
    return is_full(loop) ? clock_mono_usec() + LOOK_USEC : UINT64_MAX;
}
