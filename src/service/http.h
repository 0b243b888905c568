/*
 * The HTTP server: libmicrohttpd in external epoll mode, one daemon per thread ("loop"), all on one
 * listening socket. A loop thread runs MHD, then its turn hooks, then sleeps in epoll. A request
 * belongs to the loop that accepted it, from its first byte to its last; everything about it is
 * called on that thread. Work elsewhere (a worker thread, the bus) comes back with
 * http_loop_post().
 *
 * The server refuses what MHD lets pass (request smuggling shapes): a header name that is no token
 * (RFC 9110, 5.6.2), a folded header, two Content-Lengths, Content-Length with Transfer-Encoding, a
 * Transfer-Encoding other than chunked, a Host that is missing in HTTP/1.1 or given twice: 400 and
 * close. What is malformed beyond that MHD answers itself, in HTML.
 *
 * It holds the limits. A body over its route's cap: 413, at once where Content-Length says it
 * (before `100 Continue`). More body bytes in memory than allowed, or more requests that wait for
 * their handler's answer: 503. More requests a second than one address may send: 429. A connection
 * beyond those of its address: closed. With all connections taken, new ones wait, and the longest
 * idle ones are closed for them (http_room.c). A client that has not sent
 * its whole request within request_timeout: 408. A handler that has not answered within it (counted
 * from the same start): aborted() and 503. A connection on which nothing moves for idle_timeout, or
 * that takes longer than idle_timeout + request_timeout for a request line, or than request_timeout
 * for reading its answer: closed. Where a refusal leaves body bytes unread, the server sends the
 * answer, discards what still comes for some seconds and closes, so that the client can read the
 * answer.
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
#include "service/metrics.h"

struct http_server;
struct http_loop;

#define HTTP_SEGMENTS_MAX 4
#define HTTP_SEGMENT_MAX 1024

struct http_request {
    /* borrowed from the connection, valid until the answer is sent */
    const char *method;
    const char *path; /* percent-decoded, without the query */
    /* what stands for the {names} of the route's path, in their order: percent-decoded (a %2F is a
       slash within its segment), UTF-8 without NUL, 1 to HTTP_SEGMENT_MAX bytes, NUL-terminated */
    struct span segments[HTTP_SEGMENTS_MAX];
    struct span body; /* as it came (still gzip if content_encoding says so); writable; at least
                         HTTP_BODY_PADDING readable and writable bytes stand behind it */
    struct span
        correlation_id;  /* x-correlation-id if 1 to 128 printable ASCII bytes, else a UUID */
    struct arena *arena; /* lives as long as the request; at most HTTP_ARENA_MAX_BYTES */
    struct http_loop *loop;
    void *state;           /* for the handler */
    uint64_t started_usec; /* monotonic, when its request line was complete */
};
#define HTTP_BODY_PADDING 64
#define HTTP_ARENA_MAX_BYTES ((size_t)64 << 20)

/* A body that outlives its request: taken by a handler that gives it to another thread, which then
 * may go on reading it after aborted(). It stays counted as in flight until it is released, on any
 * thread. */
struct http_body {
    char *ptr; /* len bytes and the padding */
    size_t len;
    size_t size;                /* private */
    struct http_server *server; /* private; MUST outlive the body */
};
/* Loop thread, within the handler. req->body stays valid as long as *ret. */
void http_body_take(struct http_request *req, struct http_body *ret);
void http_body_release(struct http_body *body);

/* NULL when the header is absent. */
const char *http_header(const struct http_request *req, const char *name);

/* Query parameters in order, percent-decoded (exact to the byte: %00 is a NUL; a % without two hex
 * digits stays as it is), `+` read as a space. One without "=" has an empty value. */
typedef int (*http_query_fn)(void *ctx, struct span name, struct span value);
/* Calls fn for each; stops at and returns the first result that is not 0. The spans live as long as
 * the request. -ENOMEM when the arena is used up. */
int http_query_each(const struct http_request *req, http_query_fn fn, void *ctx);

/* Called on the loop thread when the body is complete. It MUST call http_reply*() exactly once, now
 * or later, on that thread. */
typedef void (*http_handler_fn)(struct http_request *req, void *ctx);
/* The request's deadline passed, or the server stops, before the answer (the server answers 503
 * then): the handler must forget the request; http_reply*() MUST NOT be called any more, and
 * nothing of the request be touched. Loop thread. May be NULL for handlers that always answer at
 * once. A client that goes away while its request is handled is noticed early (this is called, and
 * nothing is answered), within about a second with watch_clients, or only at the answer. */
typedef void (*http_abort_fn)(struct http_request *req, void *ctx);

struct http_route {
    const char *method; /* HEAD is answered by the GET route */
    const char *path;   /* exact; or with up to HTTP_SEGMENTS_MAX segments such as {userId}, each
                           for any one that is not empty; or ending in "/" followed by "*", for a
                           prefix. The exact one goes before the others, those with segments
                           before prefixes. */
    http_handler_fn handler;
    http_abort_fn aborted;
    void *ctx;
    uint64_t body_max; /* 0 = takes no body */
    bool vital; /* served however many requests are in flight, and whatever a client's rate */
};

struct http_header {
    const char *name;
    const char *value;
};

/* Answers. X-Correlation-Id is added. The body is copied, except by http_reply_take(), which takes
 * the memory over (free()d when sent). headers may be NULL. */
void http_reply(struct http_request *req, unsigned status, const char *content_type,
                struct span body, const struct http_header *headers, size_t header_count);
void http_reply_take(struct http_request *req, unsigned status, const char *content_type,
                     char *body, size_t len, const struct http_header *headers,
                     size_t header_count);
/* An answer that goes on, such as server-sent events: 200, and then whatever is sent, until
 * http_stream_end(), the client leaves, it reads too slowly, or the server drains. It has no
 * deadline, does not count as in flight and does not hold up a drain. All on the request's loop. */
struct http_stream;
/* Called once, whatever ended it; the stream MUST NOT be used any more. */
typedef void (*http_stream_fn)(void *ctx);
/* NULL when there is none: no memory (the connection is closed), or a HEAD request; ended is not
 * called then. queue_max: how many bytes may wait for a slow client, which is dropped beyond them.
 */
struct http_stream *http_reply_stream(struct http_request *req, const char *content_type,
                                      const struct http_header *headers, size_t header_count,
                                      size_t queue_max, http_stream_fn ended, void *ctx) MUST_CHECK;
/* Bytes are copied. A client that has left, or is too slow, is noticed here: ended() comes soon. */
void http_stream_send(struct http_stream *stream, struct span bytes);
/* Ends it when all that was sent has gone out. */
void http_stream_end(struct http_stream *stream);

/* The error shape of docs/http-api.md:
 * {"success":false,"error","code","correlationId","timestamp"}. */
void http_reply_error(struct http_request *req, unsigned status, const char *code,
                      const char *message, const struct http_header *headers, size_t header_count);

struct http_server_options {
    const char *host;
    uint32_t port;
    int listen_fd; /* an inherited listening socket (service/listen.h), or -1: bind host:port */
    uint32_t threads;
    uint32_t connections_max;
    uint32_t connections_per_address_max; /* 0: no limit of its own */
    uint64_t header_max_bytes;
    uint64_t idle_timeout_usec, request_timeout_usec;
    uint64_t inflight_max_bytes;    /* request bodies in memory at once; beyond: 503 */
    uint32_t inflight_max_requests; /* requests that wait for their handler; beyond: 503 */
    uint32_t rate_max;  /* requests a second of one client address; beyond: 429; 0: no limit */
    bool watch_clients; /* look after those that wait for their answer: who has closed its side of
                           the connection is forgotten */
    const struct http_route *routes; /* borrowed until free */
    size_t route_count;
    struct log *log;         /* borrowed until free */
    struct metrics *metrics; /* borrowed until free: the http_* families; or NULL */
};

struct http_server_stats {
    uint64_t connections;       /* open now */
    uint64_t requests_inflight; /* begun and not yet answered to the last byte */
    uint64_t inflight_bytes;    /* of request bodies */
    uint64_t requests;          /* answered so far */
    uint64_t refused;           /* of them, those the server refused before any handler saw them */
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

/* Called on the loop's thread after each turn of MHD, before it sleeps: flush what was gathered.
 * Before start only; at most 8 a loop. */
typedef void (*http_turn_fn)(void *ctx);
void http_loop_on_turn(struct http_loop *loop, http_turn_fn fn, void *ctx);
/* Watches a descriptor (level-triggered): fn on the loop's thread whenever it is readable. Before
 * start only; at most 16 a loop, -ENOSPC beyond. The descriptor MUST stay open until the server has
 * stopped. */
int http_loop_watch(struct http_loop *loop, int fd, http_turn_fn fn, void *ctx) MUST_CHECK;
/* Runs fn(post) on the loop's thread soon, in the order of posting. Any thread, until
 * http_server_free(). The node is embedded in the caller's object and MUST live until fn was
 * called, or the server has stopped (what is posted after that is not run); no allocation, cannot
 * fail. */
struct http_post {
    struct http_post *next; /* private */
    void (*fn)(struct http_post *post);
};
void http_loop_post(struct http_loop *loop, struct http_post *post);

/* Starts the threads. */
int http_server_start(struct http_server *s, struct strbuf *err) MUST_CHECK;
/* No new connections; requests on open ones are served and answered with Connection: close. */
void http_server_drain(struct http_server *s);
/* Drains if http_server_drain() has not been called, waits until no request is in flight and
 * clients between two requests have had a second to send their last one, or the deadline
 * (monotonic); then answers the rest with 503, closes the connections and stops the threads. 0, or
 * -ETIMEDOUT when some were cut off. */
int http_server_stop(struct http_server *s, uint64_t deadline_usec) MUST_CHECK;

uint32_t http_server_port(const struct http_server *s); /* the bound one, also for port 0 */
void http_server_stats_of(struct http_server *s, struct http_server_stats *ret);
