/*
 * The HTTP server: libmicrohttpd in external epoll mode, one daemon per thread ("loop"), all on one
 * listening socket. A loop thread runs MHD, then its turn hooks, then sleeps in epoll. A request belongs
 * to the loop that accepted it, from its first byte to its last; everything about it is called on that
 * thread. Work elsewhere (a worker thread, the bus) comes back with http_loop_post().
 *
 * The server refuses what MHD lets pass (request smuggling shapes): any header name with a space, two
 * Content-Lengths, Content-Length with Transfer-Encoding, a Transfer-Encoding other than chunked, a
 * missing Host: 400 and close. It holds the limits: connections, header size, body size, idle and total
 * request time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

struct http_server;
struct http_loop;

struct http_request {
    /* borrowed from the connection, valid until the answer is sent */
    const char *method;
    const char *path; /* percent-decoded, without the query */
    struct span body; /* as it came (still gzip if content_encoding says so); writable; at least
                         HTTP_BODY_PADDING readable and writable bytes stand behind it */
    struct span correlation_id; /* x-correlation-id if 1 to 128 printable ASCII bytes, else a UUID */
    struct arena *arena;        /* lives as long as the request */
    struct http_loop *loop;
    void *state; /* for the handler */
    uint64_t started_usec; /* monotonic, at its first byte */
};
#define HTTP_BODY_PADDING 64

/* NULL when the header is absent. */
const char *http_header(const struct http_request *req, const char *name);

/* Query parameters in order, percent-decoded, `+` read as a space. */
typedef int (*http_query_fn)(void *ctx, struct span name, struct span value);
/* Calls fn for each; stops at and returns the first result that is not 0. */
int http_query_each(const struct http_request *req, http_query_fn fn, void *ctx);

/* Called on the loop thread when the body is complete. It MUST call http_reply*() exactly once, now or
 * later, on that thread. Until then the connection is suspended. */
typedef void (*http_handler_fn)(struct http_request *req, void *ctx);
/* The client has gone or the request's deadline passed before the answer (the server answers 503 then):
 * the handler must forget the request; http_reply*() MUST NOT be called any more. Loop thread. May be
 * NULL for handlers that always answer at once. */
typedef void (*http_abort_fn)(struct http_request *req, void *ctx);

struct http_route {
    const char *method; /* HEAD is answered by the GET route */
    const char *path;   /* exact; a path ending in "/" followed by "*" matches a prefix */
    http_handler_fn handler;
    http_abort_fn aborted;
    void *ctx;
    uint64_t body_max; /* 0 = takes no body */
};

struct http_header {
    const char *name;
    const char *value;
};

/* Answers. X-Correlation-Id is added. The body is copied, except by http_reply_take(), which takes the
 * memory over (free()d when sent). headers may be NULL. */
void http_reply(struct http_request *req, unsigned status, const char *content_type,
                struct span body, const struct http_header *headers, size_t header_count);
void http_reply_take(struct http_request *req, unsigned status, const char *content_type,
                     char *body, size_t len, const struct http_header *headers, size_t header_count);
/* The error shape of docs/http-api.md: {"success":false,"error","code","correlationId","timestamp"}. */
void http_reply_error(struct http_request *req, unsigned status, const char *code,
                      const char *message, const struct http_header *headers, size_t header_count);

struct http_server_options {
    const char *host;
    uint32_t port;
    int listen_fd; /* an inherited listening socket (service/listen.h), or -1: bind host:port */
    uint32_t threads;
    uint32_t connections_max, connections_per_address_max;
    uint64_t header_max_bytes;
    uint64_t idle_timeout_usec, request_timeout_usec;
    uint64_t inflight_max_bytes; /* request bodies in memory at once; beyond: 503 */
    const struct http_route *routes;
    size_t route_count;
    struct log *log; /* borrowed */
};

struct http_server_stats {
    uint64_t connections;      /* open now */
    uint64_t requests_inflight;
    uint64_t inflight_bytes;
    uint64_t requests;         /* answered so far */
    uint64_t refused;          /* refused for a limit or bad framing */
};

/* Binds and listens, starts no thread yet. -EADDRINUSE and friends with *err for a person. */
int http_server_new(const struct http_server_options *options, struct http_server **ret_server,
                    struct strbuf *err) MUST_CHECK;
/* Stops and frees. NULL is fine. */
struct http_server *http_server_free(struct http_server *s);
DEFINE_CLEANUP(struct http_server *, http_server_free)

/* Loops exist between new and free, so that a role can hang its own state on each. */
size_t http_server_loop_count(const struct http_server *s);
struct http_loop *http_server_loop(struct http_server *s, size_t index);
size_t http_loop_index(const struct http_loop *loop);

/* Called on the loop's thread after each turn of MHD, before it sleeps: flush what was gathered. */
typedef void (*http_turn_fn)(void *ctx);
void http_loop_on_turn(struct http_loop *loop, http_turn_fn fn, void *ctx);
/* Watches a descriptor: fn on the loop's thread whenever it is readable. Before start only. */
int http_loop_watch(struct http_loop *loop, int fd, http_turn_fn fn, void *ctx) MUST_CHECK;
/* Runs fn(arg) on the loop's thread soon. Any thread. The node is embedded in the caller's object and
 * MUST live until fn was called; no allocation, cannot fail. */
struct http_post {
    struct http_post *next; /* private */
    void (*fn)(struct http_post *post);
};
void http_loop_post(struct http_loop *loop, struct http_post *post);

/* Starts the threads. */
int http_server_start(struct http_server *s, struct strbuf *err) MUST_CHECK;
/* No new connections; requests on open ones are served and answered with Connection: close. */
void http_server_drain(struct http_server *s);
/* Waits until no request is in flight, or the deadline (monotonic); then answers the rest with 503,
 * stops the threads. 0, or -ETIMEDOUT when some were cut off. */
int http_server_stop(struct http_server *s, uint64_t deadline_usec) MUST_CHECK;

uint32_t http_server_port(const struct http_server *s); /* the bound one, also for port 0 */
void http_server_stats_of(struct http_server *s, struct http_server_stats *ret);
