/* The server as a whole: its socket, its loops, drain and stop. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/http_private.h"

static int bind_one(const struct addrinfo *ai, int *ret_fd)
{
    _cleanup_close_ int fd =
        socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
    int on = 1;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int bind_address(const char *host, uint32_t port, int *ret_fd, struct strbuf *err)
{
    const struct addrinfo hints = {
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *list = NULL;
    char service[16];
    int r;

    (void)snprintf(service, sizeof(service), "%u", port);
    r = getaddrinfo(host, service, &hints, &list);
    if (r != 0) {
        strbuf_setf(err, "cannot listen on %s: %s", host, gai_strerror(r));
        return -EADDRNOTAVAIL;
    }
    r = -EADDRNOTAVAIL;
    for (const struct addrinfo *ai = list; ai && r < 0; ai = ai->ai_next)
        r = bind_one(ai, ret_fd);
    freeaddrinfo(list);
    if (r < 0)
        strbuf_setf(err, "cannot listen on %s port %u: %s", host, port, strerror(-r));
    return r;
}

static uint32_t bound_port(int fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
    return address.ss_family == AF_INET6
               ? ntohs(((struct sockaddr_in6 *)(void *)&address)->sin6_port)
               : 0;
}

static int open_socket(struct http_server *s, const struct http_server_options *o,
                       struct strbuf *err)
{
    int flags, r;

    if (o->listen_fd < 0) {
        r = bind_address(o->host, o->port, &s->listen_fd, err);
        if (r < 0)
            return r;
    } else {
        s->listen_fd = o->listen_fd;
        flags = fcntl(s->listen_fd, F_GETFL);
        if (flags < 0 || fcntl(s->listen_fd, F_SETFL, flags | O_NONBLOCK) < 0) {
            strbuf_setf(err, "cannot use the inherited socket: %s", strerror(errno));
            return -errno;
        }
    }
    s->port = bound_port(s->listen_fd);
    return 0;
}

static void init_waiting(struct http_server *s)
{
    pthread_condattr_t attr;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&s->lock, NULL);
}

static int init_loops(struct http_server *s, uint32_t threads, struct strbuf *err)
{
    s->loops = aligned_alloc(64, (threads * sizeof(*s->loops) + 63) / 64 * 64);
    if (!s->loops) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    memset(s->loops, 0, threads * sizeof(*s->loops));
    for (uint32_t i = 0; i < threads; i++)
        s->loops[i].epoll_fd = s->loops[i].event_fd = -1;
    s->loop_count = threads;
    for (uint32_t i = 0; i < threads; i++) {
        int r = http_loop_init(&s->loops[i], s, i);

        if (r < 0) {
            strbuf_setf(err, "cannot set up the HTTP server: %s", strerror(-r));
            return r;
        }
    }
    atomic_store(&s->accepting, threads);
    return 0;
}

int http_server_new(const struct http_server_options *options, struct http_server **ret_server,
                    struct strbuf *err)
{
    _cleanup_(http_server_freep) struct http_server *s = calloc(1, sizeof(*s));
    int r;

    if (!s) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    s->options = *options;
    s->options.host = NULL;
    s->listen_fd = -1;
    init_waiting(s);
    r = open_socket(s, options, err);
    if (r < 0)
        return r;
    if (options->metrics) {
        s->metrics = http_metrics_new(s);
        if (!s->metrics)
            return -ENOMEM;
    }
    if (options->connections_per_address_max || options->rate_max) {
        s->clients = http_clients_new(options->connections_per_address_max, options->rate_max);
        if (!s->clients)
            return -ENOMEM;
    }
    r = init_loops(s, options->threads, err);
    if (r < 0)
        return r;
    *ret_server = TAKE_PTR(s);
    return 0;
}

struct http_server *http_server_free(struct http_server *s)
{
    if (!s)
        return NULL;
    if (s->running)
        (void)!http_server_stop(s, /* deadline_usec= */ 0);
    for (size_t i = 0; i < s->loop_count; i++)
        http_loop_release(&s->loops[i]);
    free(s->loops);
    s->clients = http_clients_free(s->clients);
    s->metrics = http_metrics_free(s->metrics);
    fd_closep(&s->listen_fd);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

size_t http_server_loop_count(const struct http_server *s)
{
    return s->loop_count;
}

struct http_loop *http_server_loop(struct http_server *s, size_t index)
{
    return &s->loops[index];
}

uint32_t http_server_port(const struct http_server *s)
{
    return s->port;
}

int http_server_start(struct http_server *s, struct strbuf *err)
{
    for (; s->running < s->loop_count; s->running++) {
        struct http_loop *loop = &s->loops[s->running];
        int r = pthread_create(&loop->thread, NULL, http_loop_main, loop);

        if (r != 0) {
            strbuf_setf(err, "cannot start an HTTP thread: %s", strerror(r));
            return -r;
        }
    }
    return 0;
}

void http_server_drain(struct http_server *s)
{
    if (atomic_exchange(&s->draining, true))
        return;
    for (size_t i = 0; i < s->running; i++)
        http_loop_post(&s->loops[i], &s->loops[i].drain_post);
}

static uint64_t sum_inflight(const struct http_server *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->loop_count; i++)
        sum += atomic_load_explicit(&s->loops[i].inflight, memory_order_relaxed);
    return sum;
}

/* Under the lock. */
static bool is_drained(const struct http_server *s)
{
    for (size_t i = 0; i < s->running; i++)
        if (!s->loops[i].settled)
            return false;
    return true;
}

static void wait_drained(struct http_server *s, uint64_t deadline_usec)
{
    struct timespec until = {
        .tv_sec = (time_t)(deadline_usec / USEC_PER_SEC),
        .tv_nsec = (long)(deadline_usec % USEC_PER_SEC * 1000),
    };
    int r = 0;

    (void)pthread_mutex_lock(&s->lock);
    while (!is_drained(s) && r == 0)
        r = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    (void)pthread_mutex_unlock(&s->lock);
}

int http_server_stop(struct http_server *s, uint64_t deadline_usec)
{
    http_server_drain(s);
    wait_drained(s, deadline_usec);
    for (size_t i = 0; i < s->running; i++)
        http_loop_post(&s->loops[i], &s->loops[i].stop_post);
    for (size_t i = 0; i < s->running; i++)
        (void)pthread_join(s->loops[i].thread, NULL);
    s->running = 0;
    return atomic_load(&s->cut_off) ? -ETIMEDOUT : 0;
}

void http_server_stats_of(struct http_server *s, struct http_server_stats *ret)
{
    struct http_server_stats sum = { 0 };

    /* The connections first: who sees none sees nothing left of them either. */
    for (size_t i = 0; i < s->loop_count; i++) {
        struct http_loop *loop = &s->loops[i];

        sum.connections += atomic_load_explicit(&loop->connections, memory_order_acquire);
        sum.requests += atomic_load_explicit(&loop->answered, memory_order_relaxed);
        sum.refused += atomic_load_explicit(&loop->refused, memory_order_relaxed);
    }
    sum.requests_inflight = sum_inflight(s);
    sum.inflight_bytes = atomic_load_explicit(&s->inflight_bytes, memory_order_relaxed);
    *ret = sum;
}
