/*
 * The inside of the HTTP server. A connection is in one phase at a time, and on the list of its
 * loop that holds the connections whose deadlines count from the same moment, oldest first: the
 * next deadline is always at the head of a list.
 *
 *   IDLE ──request line──► RECEIVING ──whole body──► HANDLING ──answer──► SENDING ──last byte──►
 * IDLE └──refused with body bytes to come──► LINGERING ──► CLOSING
 *
 * An answer that goes on is STREAMING instead of SENDING: no deadline, not in flight.
 */
#pragma once

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "service/http.h"
#include "service/http_clients.h"

enum conn_phase {
    CONN_IDLE,      /* no request line yet */
    CONN_RECEIVING, /* headers and body come in */
    CONN_HANDLING,  /* with the route's handler */
    CONN_SENDING,   /* the answer is going out */
    CONN_LINGERING, /* refused; what still comes is discarded */
    CONN_CLOSING,   /* shut down; MHD is about to notice */
    CONN_STREAMING, /* an answer that goes on */
};

/* How a connection waits for its handler's answer. */
enum conn_wait { WAIT_NONE, WAIT_PARKED, WAIT_SUSPENDED };

/* Those from LIST_CLOSING on have no deadlines. */
enum conn_list {
    LIST_IDLE,
    LIST_ACTIVE,
    LIST_SENDING,
    LIST_LINGERING,
    LIST_CLOSING,
    LIST_STREAMING,
    LIST_COUNT
};

/* What a refusal is counted as. */
enum http_reason {
    REFUSED_MALFORMED,
    REFUSED_HEADERS_TOO_LARGE,
    REFUSED_NOT_FOUND,
    REFUSED_METHOD,
    REFUSED_BODY_TOO_LARGE,
    REFUSED_SLOW,
    REFUSED_RATE,
    REFUSED_REQUESTS_INFLIGHT,
    REFUSED_BYTES_INFLIGHT,
    REFUSED_STOPPING,
    REFUSED_COUNT
};

/* Why a connection was ended without an answer. */
enum http_cut { CUT_ADDRESS_LIMIT, CUT_FOR_ROOM, CUT_SLOW, CUT_GONE, CUT_COUNT };

struct http_refusal {
    unsigned status; /* 0 = none */
    enum http_reason reason;
    const char *code, *message;
    struct http_header header; /* name NULL = none */
    bool close;                /* the framing cannot be trusted: close after the answer */
};

/* One request and its memory, reused by the loop for the next. */
struct exchange {
    struct http_request req; /* first, so that the one is the other */
    struct arena arena;
    struct http_conn *conn;
    const struct http_route *route;
    struct span query;    /* raw, in the arena */
    struct span raw_path; /* in the arena; ptr NULL = as req.path: there is no % in it */
    struct http_refusal refusal;
    char *body; /* size bytes, len of them received */
    size_t body_len, body_size;
    size_t body_counted; /* of body_size, in the server's inflight_bytes */
    uint64_t expected;   /* body bytes by Content-Length, 0 when it is not known */
    bool bad_path;       /* %00 in it */
    bool begun;          /* its headers were seen */
    bool replied;
    char empty[HTTP_BODY_PADDING]; /* the body of a request without one */
    struct exchange *next_free;
};

struct http_conn {
    TAILQ_ENTRY(http_conn) link;
    enum conn_phase phase;
    uint64_t since_usec; /* when it came onto its list */
    struct http_loop *loop;
    struct MHD_Connection *mhd;
    struct exchange *exchange;  /* NULL between requests */
    struct http_client *client; /* NULL without limits by address */
    int fd;                     /* borrowed from MHD */
    enum conn_wait wait;
    uint64_t parked_usec;       /* since when, if parked */
    struct http_stream *stream; /* of an answer that goes on */
};
TAILQ_HEAD(http_conns, http_conn);

struct loop_hook {
    http_turn_fn fn;
    void *ctx;
};
#define LOOP_HOOKS_MAX 8
#define LOOP_WATCHES_MAX 16

struct http_loop {
    struct http_server *server;
    size_t index;
    struct MHD_Daemon *mhd;
    int epoll_fd, event_fd;
    pthread_t thread; /* for the join; self is the same, set by the thread */
    pthread_t self;
    struct http_conns lists[LIST_COUNT];
    struct exchange *free_exchanges;
    size_t free_count;
    struct loop_hook hooks[LOOP_HOOKS_MAX], watches[LOOP_WATCHES_MAX];
    size_t hook_count, watch_count;
    _Atomic(struct http_post *) posts; /* newest first */
    struct http_post drain_post, stop_post;
    uint64_t places;      /* connections that it takes */
    uint64_t now_usec;    /* monotonic, as of the turn: exact enough for deadlines */
    size_t parked;        /* connections */
    uint64_t looked_usec; /* when http_gone_look() looked last */
    bool again;           /* MHD has something to do at once: it must not be slept on */
    bool progress;        /* the last run of MHD did more than ask for the answers of parked ones */
    bool draining, stopping;
    bool settled;          /* drained: nothing in flight, nobody idle; under the server's lock */
    uint64_t drained_usec; /* when the drain began */
    uint64_t stop_by_usec; /* unsent answers are given up then */
    /* written by the loop only, read by any thread */
    _Atomic uint64_t connections, inflight, answered, refused;
};

struct http_metrics;

struct http_server {
    struct http_server_options options; /* host is not kept */
    int listen_fd;                      /* -1 once drained */
    uint32_t port;
    struct http_loop *loops;
    size_t loop_count, running;
    struct http_metrics *metrics; /* NULL when not asked for */
    struct http_clients *clients; /* NULL without limits by address */
    _Atomic uint64_t inflight_bytes;
    _Atomic uint32_t handled;   /* requests that wait for their handler's answer */
    _Atomic uint32_t accepting; /* loops that still have the listening socket */
    _Atomic bool draining;
    _Atomic bool cut_off; /* a request was answered by the stop itself */
    pthread_mutex_t lock; /* with changed: wakes http_server_stop() */
    pthread_cond_t changed;
};

static inline struct exchange *exchange_of(const struct http_request *req)
{
    return (struct exchange *)(uintptr_t)req;
}

static inline void stat_add(_Atomic uint64_t *stat, uint64_t n)
{
    /* One writer, so that no locked instruction is needed. */
    atomic_store_explicit(stat, atomic_load_explicit(stat, memory_order_relaxed) + n,
                          memory_order_release);
}

/* http_conn.c: MHD's callbacks and the phases. */
int http_conn_start_daemon(struct http_loop *loop) MUST_CHECK;
void http_conn_set_phase(struct http_conn *conn, enum conn_phase phase);
/* Ends both directions; MHD then sees the end and frees the connection. */
void http_conn_shut(struct http_conn *conn);

/* http_wait.c */
void http_wait_begin(struct http_conn *conn);
/* MHD asks for the answer of a parked one. */
void http_wait_again(struct http_conn *conn);
/* The answer is queued, or will never be. */
void http_wait_end(struct http_conn *conn);

/* http_exchange.c */
struct exchange *exchange_get(struct http_loop *loop, struct http_conn *conn);
/* Gives the request a correlation id when it has none yet. False: no memory. */
bool exchange_name(struct exchange *ex) MUST_CHECK;
void exchange_put(struct http_loop *loop, struct exchange *ex);
void exchange_free_all(struct http_loop *loop);

/* http_framing.c: what MHD lets pass and must not. True when it is refused, *ret says why. */
struct http_framing {
    uint64_t length; /* of Content-Length, 0 when there is none */
    bool chunked;
    bool expects_continue;
};
bool http_framing_check(struct exchange *ex, const char *version, struct http_framing *ret_framing,
                        struct http_refusal *ret_refusal);

/* http_decode.c: percent-decoded into the arena, with a NUL behind it; a % without two hex digits
 * stays as it is. -ENOMEM. */
int http_decode(struct arena *a, struct span raw, bool plus_is_space, struct span *ret) MUST_CHECK;

/* http_route.c: finds the request's route, and its segments. True when there is none, *ret says
 * why. */
bool http_route_find(struct exchange *ex, struct http_refusal *ret);

/* http_body.c. 0, -E2BIG over the route's cap, -EBUSY over the server's memory for bodies, -ENOMEM.
 */
int http_body_add(struct exchange *ex, const char *data, size_t len, uint64_t expected) MUST_CHECK;
void http_body_drop(struct exchange *ex);

/* http_refuse.c */
void http_refuse_headers(struct exchange *ex, const struct http_framing *framing,
                         const struct http_refusal *refusal);
/* Answers past MHD, which cannot while a body comes in, and lingers. */
void http_refuse_body(struct exchange *ex, const struct http_refusal *refusal);
/* The answer to a refusal whose body was discarded. */
void http_refuse_reply(struct exchange *ex);
extern const struct http_refusal http_refusal_too_large, http_refusal_busy, http_refusal_crowded,
    http_refusal_rate, http_refusal_slow, http_refusal_late, http_refusal_stopping;

/* http_reply.c */
void http_reply_error_body(const struct http_request *req, const char *code, const char *message,
                           struct strbuf *out);

/* Takes the response over; NULL (no memory) closes the connection instead. phase: what the
 * connection is in while it goes out. */
void http_send_response(struct exchange *ex, enum conn_phase phase, unsigned status,
                        const char *content_type, struct MHD_Response *response,
                        const struct http_header *headers, size_t count);

/* http_stream.c: a draining loop's streams end. */
void http_streams_end(struct http_loop *loop);

/* http_deadline.c */
void http_deadlines_expire(struct http_loop *loop);
/* Monotonic; UINT64_MAX when there is none. */
uint64_t http_deadlines_next(const struct http_loop *loop);
/* A draining server's clients learn from their next answer that it is the last one. A client
 * between two requests would have its next one cut off by an end that comes at once: it gets a
 * moment to send it. Who keeps an idle connection for longer finds it closed, as with any server.
 */
void http_deadlines_end_idle(struct http_loop *loop);
/* Answers 503 to all that is not answered yet. True when there was any. */
bool http_deadlines_cut_all(struct http_loop *loop);

/* http_room.c: a full loop. */
void http_room_make(struct http_loop *loop);
/* When to look again, monotonic; UINT64_MAX while there are free places. */
uint64_t http_room_next(const struct http_loop *loop);

/* http_gone.c: clients that went away while they waited. */
void http_gone_look(struct http_loop *loop);
/* When to look again, monotonic; UINT64_MAX while nobody waits. */
uint64_t http_gone_next(const struct http_loop *loop);

/* http_loop.c */
int http_loop_init(struct http_loop *loop, struct http_server *server, size_t index) MUST_CHECK;
void http_loop_release(struct http_loop *loop);
void *http_loop_main(void *loop);

/* http_metrics.c */
struct http_metrics *http_metrics_new(struct http_server *s);
struct http_metrics *http_metrics_free(struct http_metrics *m);
void http_metrics_answer(const struct http_server *s, const struct http_route *route,
                         unsigned status, uint64_t usec);
void http_metrics_refused(struct http_server *s, enum http_reason reason);
void http_metrics_cut(struct http_server *s, enum http_cut why);
