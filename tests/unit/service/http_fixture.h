/* A server with a few routes, and a client that writes raw bytes: for the tests of the HTTP
 * modules. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/http.h"

#define ANSWER_MAX (4 * 1024 * 1024)

struct fixture {
    struct http_server *server;
    struct http_server_options options;
    struct log log;
    struct strbuf err;
    struct http_request *waiting; /* of /wait */
    _Atomic unsigned waits, aborts;
    struct http_post answer_post; /* answers what waits */
    struct http_body taken;       /* of /take */
};

static UNUSED void echo(struct http_request *req, void *ctx UNUSED)
{
    const struct http_header seen = { "X-Method", req->method };

    memset((char *)(uintptr_t)req->body.ptr + req->body.len, 'p', HTTP_BODY_PADDING);
    http_reply(req, 200, "text/plain", req->body, &seen, 1);
}

static UNUSED int add_pair(void *ctx, struct span name, struct span value)
{
    struct strbuf *out = ctx;

    (void)strbuf_addf(out, "[%.*s=%zu:", SPAN_ARG(name), value.len);
    (void)strbuf_addspan(out, value);
    (void)strbuf_addc(out, ']');
    return span_eq(name, SPAN("stop")) ? -ECANCELED : 0;
}

static UNUSED void query(struct http_request *req, void *ctx UNUSED)
{
    _cleanup_strbuf_ struct strbuf out;
    size_t len;
    int r;

    strbuf_init(&out, 4096);
    r = http_query_each(req, add_pair, &out);
    (void)strbuf_addf(&out, "%d", r);
    len = out.len;
    http_reply_take(req, 200, "text/plain", strbuf_take(&out, NULL), len, NULL, 0);
}

static UNUSED void wait_for_post(struct http_request *req, void *ctx)
{
    struct fixture *f = ctx;

    f->waiting = req;
    f->waits++;
}

static UNUSED void forget(struct http_request *req, void *ctx)
{
    struct fixture *f = ctx;

    assert_ptr_equal(req, f->waiting);
    f->waiting = NULL;
    f->aborts++;
}

static UNUSED void answer_waiting(struct http_post *post)
{
    struct fixture *f =
        (struct fixture *)(void *)((char *)post - offsetof(struct fixture, answer_post));

    http_reply(TAKE_PTR(f->waiting), 200, "text/plain", SPAN("late"), NULL, 0);
}

static UNUSED void take(struct http_request *req, void *ctx)
{
    struct fixture *f = ctx;

    http_body_take(req, &f->taken);
    http_reply(req, 200, "text/plain", req->body, NULL, 0);
}

static UNUSED void refuse(struct http_request *req, void *ctx UNUSED)
{
    http_reply_error(req, 418, "teapot", "no \"coffee\"", NULL, 0);
}

static UNUSED void fixture_open(struct fixture *f, struct http_route *routes, size_t count)
{
    strbuf_init(&f->err, 1024);
    log_init(&f->log, "test", LOG_ERROR, LOG_TEXT);
    for (size_t i = 0; i < count; i++)
        routes[i].ctx = f;
    f->options.routes = routes;
    f->options.route_count = count;
    f->options.log = &f->log;
    f->answer_post.fn = answer_waiting;
    if (http_server_new(&f->options, &f->server, &f->err) < 0 ||
        http_server_start(f->server, &f->err) < 0)
        fail_msg("%s", f->err.ptr);
}

#define FIXTURE_OPTIONS                                                                            \
    {                                                                                              \
        .host = "127.0.0.1", .listen_fd = -1, .threads = 1, .connections_max = 100,                \
        .header_max_bytes = 32768, .idle_timeout_usec = 5 * USEC_PER_SEC,                          \
        .request_timeout_usec = 5 * USEC_PER_SEC, .inflight_max_bytes = 64 << 20,                  \
        .inflight_max_requests = 100,                                                              \
    }

#define FIXTURE_ROUTES                                                                             \
    {                                                                                              \
        { "GET", "/echo", echo, NULL, NULL, 0, false },                                            \
            { "POST", "/echo", echo, NULL, NULL, 1 << 20, false },                                 \
            { "POST", "/small", echo, NULL, NULL, 16, false },                                     \
            { "POST", "/huge", echo, NULL, NULL, 1 << 30, false },                                 \
            { "POST", "/take", take, NULL, NULL, 1 << 20, false },                                 \
            { "GET", "/query", query, NULL, NULL, 0, false },                                      \
            { "GET", "/vital", echo, NULL, NULL, 0, true },                                        \
            { "GET", "/wait", wait_for_post, forget, NULL, 0, false },                             \
            { "GET", "/fail", refuse, NULL, NULL, 0, false },                                      \
            { "GET", "/files/*", echo, NULL, NULL, 0, false },                                     \
    }

static UNUSED int setup(void **state)
{
    static struct http_route routes[] = FIXTURE_ROUTES;
    struct fixture *f = calloc(1, sizeof(*f));

    f->options = (struct http_server_options)FIXTURE_OPTIONS;
    fixture_open(f, routes, ARRAY_SIZE(routes));
    *state = f;
    return 0;
}

static UNUSED int teardown(void **state)
{
    struct fixture *f = *state;

    f->server = http_server_free(f->server);
    strbuf_release(&f->err);
    free(f);
    return 0;
}

/* A server like the usual one, with some options changed first. */
static UNUSED struct fixture *open_with(const struct http_server_options *options)
{
    static struct http_route routes[] = FIXTURE_ROUTES;
    struct fixture *f = calloc(1, sizeof(*f));

    f->options = *options;
    fixture_open(f, routes, ARRAY_SIZE(routes));
    return f;
}

static UNUSED void close_fixture(struct fixture **f)
{
    void *state = *f;

    (void)teardown(&state);
}
#define _cleanup_fixture_ _cleanup_(close_fixture)

static UNUSED int dial(struct fixture *f)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)http_server_port(f->server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const struct timeval limit = { .tv_sec = 20 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_return_code(connect(fd, (struct sockaddr *)&to, sizeof(to)), errno);
    assert_return_code(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), errno);
    return fd;
}

/* Sends all of it, or what the server takes before it closes. */
static UNUSED void say_bytes(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

static UNUSED void say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

struct answer {
    struct strbuf head, body;
    unsigned status; /* 0: the connection was closed without one */
    bool closed;     /* seen the end of the connection */
};

static UNUSED void answer_release(struct answer *a)
{
    strbuf_release(&a->head);
    strbuf_release(&a->body);
}

static UNUSED bool read_byte(int fd, char *c)
{
    return recv(fd, c, 1, 0) == 1;
}

static UNUSED bool has_header(const struct answer *a, const char *text)
{
    return strcasestr(a->head.ptr, text) != NULL;
}

/* Reads one answer off the connection. */
static UNUSED void hear(int fd, struct answer *a)
{
    const char *length;
    size_t left = 0;
    char c;

    strbuf_init(&a->head, 65536);
    strbuf_init(&a->body, ANSWER_MAX);
    a->status = 0;
    a->closed = false;
    while (!(a->head.len >= 4 && memcmp(a->head.ptr + a->head.len - 4, "\r\n\r\n", 4) == 0)) {
        if (!read_byte(fd, &c)) {
            a->closed = true;
            return;
        }
        (void)strbuf_addc(&a->head, c);
    }
    a->status = (unsigned)strtoul(a->head.ptr + strlen("HTTP/1.1 "), NULL, 10);
    length = strcasestr(a->head.ptr, "\r\nContent-Length: ");
    if (length && a->status != 100)
        left = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
    while (left && read_byte(fd, &c)) {
        (void)strbuf_addc(&a->body, c);
        left--;
    }
}

static UNUSED bool is_closed(int fd)
{
    char c;

    return recv(fd, &c, 1, 0) <= 0;
}

/* Waits until the number is reached; a test that waits for ever is ended by its own time limit. */
static UNUSED void wait_for(_Atomic unsigned *number, unsigned value)
{
    while (atomic_load(number) < value)
        (void)usleep(1000);
}
