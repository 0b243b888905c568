/*
 * Answers that go on. MHD asks for bytes when the socket takes some; with none there the connection
 * is suspended, and resumed by whoever sends. A suspended connection is not in MHD's epoll: that
 * its client has left is looked for whenever something is sent to it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "service/http_private.h"

#define BLOCK_BYTES 4096
/* What a client does not read waits here, where it is counted, and not in the kernel. */
#define SOCKET_BUFFER_BYTES (16 * 1024)

struct http_stream {
    struct http_conn *conn;
    struct strbuf queue;
    size_t sent; /* of the queue */
    bool suspended;
    bool ending; /* after what is in the queue */
    bool *gone;  /* set when it is freed before http_reply_stream() has returned */
    http_stream_fn ended;
    void *ctx;
};

static ssize_t on_read(void *cls, uint64_t position UNUSED, char *to, size_t room)
{
    struct http_stream *st = cls;
    size_t n = MIN(st->queue.len - st->sent, room);

    if (st->conn->phase != CONN_STREAMING)
        return MHD_CONTENT_READER_END_WITH_ERROR; /* dropped */
    if (n) {
        memcpy(to, st->queue.ptr + st->sent, n);
        st->sent += n;
        if (st->sent == st->queue.len) {
            strbuf_reset(&st->queue);
            st->sent = 0;
        }
        st->conn->loop->progress = true;
        return (ssize_t)n;
    }
    if (st->ending || st->conn->loop->draining)
        return MHD_CONTENT_READER_END_OF_STREAM;
    st->suspended = true;
    MHD_suspend_connection(st->conn->mhd);
    return 0;
}

/* MHD is done with the answer, whatever the reason. */
static void on_free(void *cls)
{
    struct http_stream *st = cls;

    st->conn->stream = NULL;
    if (st->gone)
        *st->gone = true;
    else
        st->ended(st->ctx);
    strbuf_release(&st->queue);
    free(st);
}

static void resume(struct http_stream *st)
{
    if (!st->suspended)
        return;
    st->suspended = false;
    st->conn->loop->again = true;
    MHD_resume_connection(st->conn->mhd);
}

static void drop(struct http_stream *st)
{
    http_conn_shut(st->conn);
    resume(st);
}

/* NULL: no memory. The stream belongs to its response. */
static struct MHD_Response *make_response(struct http_stream *st)
{
    struct MHD_Response *response =
        st ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_read, st, on_free)
           : NULL;

    if (response)
        st->conn->stream = st;
    else
        free(st);
    return response;
}

struct http_stream *http_reply_stream(struct http_request *req, const char *content_type,
                                      const struct http_header *headers, size_t header_count,
                                      size_t queue_max, http_stream_fn ended, void *ctx)
{
    struct http_conn *conn = exchange_of(req)->conn;
    int buffer = SOCKET_BUFFER_BYTES;
    struct MHD_Response *response;
    struct http_stream *st;
    bool gone = false;

    if (strcmp(req->method, "HEAD") == 0) {
        http_reply(req, 200, content_type, SPAN_NONE, headers, header_count);
        return NULL;
    }
    (void)setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    st = calloc(1, sizeof(*st));
    if (st) {
        *st = (struct http_stream){ .conn = conn, .gone = &gone, .ended = ended, .ctx = ctx };
        strbuf_init(&st->queue, queue_max);
    }
    response = make_response(st);
    http_send_response(exchange_of(req), CONN_STREAMING, 200, content_type, response, headers,
                       header_count);
    if (!response || gone)
        return NULL;
    conn->stream->gone = NULL;
    return conn->stream;
}

/* The room of what has gone out is used again. */
static void drop_sent(struct http_stream *st)
{
    size_t left = st->queue.len - st->sent;

    if (!st->sent)
        return;
    memmove(st->queue.ptr, st->queue.ptr + st->sent, left);
    strbuf_truncate(&st->queue, left);
    st->sent = 0;
}

static bool has_left(const struct http_stream *st)
{
    char c;

    return recv(st->conn->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void http_stream_send(struct http_stream *st, struct span bytes)
{
    if (st->conn->phase != CONN_STREAMING || st->ending)
        return;
    drop_sent(st);
    if (has_left(st) || strbuf_addspan(&st->queue, bytes) < 0)
        drop(st);
    else
        resume(st);
}

void http_stream_end(struct http_stream *st)
{
    st->ending = true;
    resume(st);
}

void http_streams_end(struct http_loop *loop)
{
    struct http_conn *conn;

    TAILQ_FOREACH(conn, &loop->lists[LIST_STREAMING], link)
    if (conn->stream)
        http_stream_end(conn->stream);
}
