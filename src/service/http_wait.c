/*
 * How a request waits for its handler's answer. Suspending it costs three system calls in MHD: the
 * connection leaves MHD's epoll, comes back to it, and is read from without anything being there.
 * So the first few of a loop are parked instead: left in MHD's hands, which asks for their answer
 * whenever it runs. That is cheap for a few and for a moment; one that waits for longer is
 * suspended after all, and so are all beyond PARKED_MAX.
 */
#include "base/clock.h"
#include "service/http_private.h"

#define PARKED_MAX 64
#define PARKED_USEC (20 * USEC_PER_MSEC)

static void suspend(struct http_conn *conn)
{
    conn->wait = WAIT_SUSPENDED;
    MHD_suspend_connection(conn->mhd);
}

void http_wait_begin(struct http_conn *conn)
{
    atomic_fetch_add_explicit(&conn->loop->server->handled, 1, memory_order_relaxed);
    if (conn->loop->parked == PARKED_MAX) {
        suspend(conn);
        return;
    }
    conn->wait = WAIT_PARKED;
    conn->parked_usec = conn->loop->now_usec;
    conn->loop->parked++;
}

void http_wait_again(struct http_conn *conn)
{
    if (conn->loop->now_usec < conn->parked_usec + PARKED_USEC)
        return;
    conn->loop->parked--;
    suspend(conn);
}

void http_wait_end(struct http_conn *conn)
{
    enum conn_wait wait = conn->wait;

    if (wait == WAIT_NONE)
        return;
    conn->wait = WAIT_NONE;
    conn->loop->again = true;
    atomic_fetch_sub_explicit(&conn->loop->server->handled, 1, memory_order_relaxed);
    if (wait == WAIT_PARKED)
        conn->loop->parked--;
    else
        MHD_resume_connection(conn->mhd);
}
