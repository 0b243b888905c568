/* Non-blocking sockets under one epoll. A connection is idle, sending or reading; answers are read
 * until Content-Length bytes have come behind the header. */
#include "admin/bench/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/bench/client_http.h"
#include "base/clock.h"

#define ANSWER_MAX_DEFAULT 65536
#define REQUEST_MAX (256u << 20)
#define TICK_USEC 100000

struct connection {
    int fd;
    bool busy;
    bool writing;
    struct strbuf out;
    size_t sent;
    char *in; /* answer_max bytes */
    size_t in_len;
    uint64_t due_usec; /* when the request in flight was due */
};

struct client {
    const struct client_options *options;
    struct client_result *result;
    struct connection *connections;
    size_t answer_max;
    int epoll;
    uint64_t started, stop_at, next_tick;
    uint64_t sent;
    uint32_t busy;
};

static int connection_open(struct client *c, struct connection *conn)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)c->options->port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = conn };
    int one = 1;

    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        return -errno;
    if (connect(conn->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        return -errno;
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, conn->fd, &ev) < 0)
        return -errno;
    return 0;
}

static void watch(struct client *c, struct connection *conn, bool writing)
{
    struct epoll_event ev = { .events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = conn };

    if (conn->writing == writing)
        return;
    conn->writing = writing;
    (void)epoll_ctl(c->epoll, EPOLL_CTL_MOD, conn->fd, &ev);
}

static int send_more(struct client *c, struct connection *conn)
{
    while (conn->sent < conn->out.len) {
        ssize_t n = send(conn->fd, conn->out.ptr + conn->sent, conn->out.len - conn->sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(c, conn, true);
            return 0;
        }
        if (n < 0)
            return -errno;
        conn->sent += (size_t)n;
    }
    watch(c, conn, false);
    return 0;
}

static int request_start(struct client *c, struct connection *conn, uint64_t due)
{
    int r = client_write_request(c->options, &conn->out);

    if (r < 0)
        return r;
    conn->sent = 0;
    conn->in_len = 0;
    conn->due_usec = due;
    conn->busy = true;
    c->busy++;
    c->sent++;
    return send_more(c, conn);
}

static void request_done(struct client *c, struct connection *conn, int status, uint64_t body)
{
    c->result->bytes += body;
    histogram_add(&c->result->latency, clock_mono_usec() - conn->due_usec);
    if (status == 200) {
        c->result->ok++;
        c->result->events += c->options->events_per_request;
    } else {
        c->result->failed++;
        c->result->failed_status = status;
    }
    conn->busy = false;
    c->busy--;
}

static int connection_ready(struct client *c, struct connection *conn, uint32_t events)
{
    uint64_t body;
    ssize_t n;
    int status;

    if (events & EPOLLOUT) {
        int r = send_more(c, conn);
        if (r < 0)
            return r;
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return 0;
    n = recv(conn->fd, conn->in + conn->in_len, c->answer_max - conn->in_len, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    if (n == 0)
        return -ECONNRESET;
    conn->in_len += (size_t)n;
    status = client_answer(conn->in, conn->in_len, c->answer_max, &body);
    if (status < 0)
        return status;
    if (status > 0)
        request_done(c, conn, status, body);
    return 0;
}

/* When the request number c->sent is due; 0 = at once. */
static uint64_t next_due(const struct client *c)
{
    if (c->options->rate <= 0)
        return 0;
    return c->started + (uint64_t)((double)c->sent * 1e6 / c->options->rate);
}

static bool sending(const struct client *c, uint64_t now)
{
    return now < c->stop_at && !(c->options->stop && atomic_load(c->options->stop)) &&
           (c->options->requests_max == 0 || c->sent < c->options->requests_max);
}

static int send_due(struct client *c)
{
    for (uint32_t i = 0; i < c->options->connections; i++) {
        struct connection *conn = &c->connections[i];
        uint64_t now, due;
        int r;

        if (conn->busy)
            continue;
        now = clock_mono_usec();
        due = next_due(c);
        if (!sending(c, now) || due > now)
            return 0;
        if (c->options->may_send && !c->options->may_send(c->options->ctx))
            return 0;
        r = request_start(c, conn, due ? due : now);
        if (r < 0)
            return r;
    }
    return 0;
}

static int wait_msec(const struct client *c, uint64_t now)
{
    uint64_t until = c->next_tick, due = next_due(c);

    if (sending(c, now) && c->busy < c->options->connections)
        until = MIN(until, c->options->may_send && due <= now ? now + 1000 : due);
    return until <= now ? 0 : (int)((until - now + 999) / 1000);
}

static int turn(struct client *c)
{
    struct epoll_event ready[64];
    uint64_t now = clock_mono_usec();
    int n, r;

    n = epoll_wait(c->epoll, ready, ARRAY_SIZE(ready), wait_msec(c, now));
    if (n < 0 && errno != EINTR)
        return -errno;
    for (int i = 0; i < n; i++) {
        r = connection_ready(c, ready[i].data.ptr, ready[i].events);
        if (r < 0)
            return r;
    }
    now = clock_mono_usec();
    if (now >= c->next_tick) {
        c->next_tick = now + TICK_USEC;
        if (c->options->tick)
            c->options->tick(c->options->ctx);
    }
    return send_due(c);
}

static int run(struct client *c, struct strbuf *err)
{
    int r = 0;

    for (uint32_t i = 0; i < c->options->connections; i++) {
        r = connection_open(c, &c->connections[i]);
        if (r < 0) {
            strbuf_setf(err, "cannot connect to 127.0.0.1:%u: %s", c->options->port, strerror(-r));
            return r;
        }
    }
    c->started = clock_mono_usec();
    c->stop_at = c->started + c->options->duration_usec;
    while (r == 0 && (c->busy || sending(c, clock_mono_usec())))
        r = turn(c);
    c->result->took_usec = clock_mono_usec() - c->started;
    if (r < 0)
        strbuf_setf(err, "127.0.0.1:%u%s: %s", c->options->port,
                    c->options->path ? c->options->path : "", strerror(-r));
    return r;
}

static int connections_new(struct client *c)
{
    c->connections = calloc(c->options->connections, sizeof(*c->connections));
    if (!c->connections)
        return -ENOMEM;
    for (uint32_t i = 0; i < c->options->connections; i++) {
        c->connections[i].fd = -1;
        strbuf_init(&c->connections[i].out, REQUEST_MAX);
    }
    for (uint32_t i = 0; i < c->options->connections; i++) {
        c->connections[i].in = malloc(c->answer_max);
        if (!c->connections[i].in)
            return -ENOMEM;
    }
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    return c->epoll < 0 ? -errno : 0;
}

static void connections_free(struct client *c)
{
    for (uint32_t i = 0; c->connections && i < c->options->connections; i++) {
        fd_closep(&c->connections[i].fd);
        strbuf_release(&c->connections[i].out);
        free(c->connections[i].in);
    }
    free(c->connections);
    fd_closep(&c->epoll);
}

int client_run(const struct client_options *options, struct client_result *ret, struct strbuf *err)
{
    struct client c = {
        .options = options,
        .result = ret,
        .answer_max = options->answer_max ? options->answer_max : ANSWER_MAX_DEFAULT,
        .epoll = -1,
    };
    int r;

    *ret = (struct client_result){ 0 };
    r = connections_new(&c);
    if (r < 0)
        strbuf_setf(err, "out of memory or descriptors");
    else
        r = run(&c, err);
    connections_free(&c);
    return r;
}
