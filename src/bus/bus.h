/*
 * The connection to NATS and what stands on it: the streams' names and settings, their creation,
 * their state. Everything here is for one process; publishing is in bus/publisher.h, pulling in
 * bus/puller.h. src/bus/ is the only folder that includes nats.h.
 *
 * The options of the connection are those that survived the faults of docs/durability.md: a write
 * deadline (without it a stopped server hangs the publisher for ever), pings every 5 s with 2
 * missed at most, endless reconnects.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

#define BUS_EVENTS_PREFIX "events." /* events.<source>.<stage> */
#define BUS_DLQ_STREAM "EVENTS_DLQ"
#define BUS_DLQ_PREFIX "dlq." /* dlq.<source>, dlq.unknown */
#define BUS_UNREADABLE_STREAM "EVENTS_UNREADABLE"
#define BUS_UNREADABLE_PREFIX "unreadable."
#define BUS_UNREADABLE_SUBJECT BUS_UNREADABLE_PREFIX "body"
#define BUS_METRICS_STREAM "SERVICE_METRICS"
#define BUS_METRICS_PREFIX "metrics." /* metrics.<service> */

struct bus;

struct bus_options {
    const char *url;  /* one or several, comma-separated; may hold user:password or a token */
    const char *name; /* connection name shown by the server: "sluice gateway" */
    struct log *log;  /* borrowed: connection lost, restored, closed, errors */
    uint64_t connect_timeout_usec;
    /* The library has given the connection up for good, as it does when a server that it comes back
     * to refuses the credentials, or says anything else that it does not expect. On a thread of the
     * library, once; MUST NOT close the bus. NULL: nobody minds. */
    void (*given_up)(void *ctx);
    void *ctx;
};

/* Connects. With the server away it returns 0 all the same and goes on trying in the background
 * (bus_connected() says). <0: -EINVAL for a URL that is none, -ENOMEM; *err says why for a person.
 */
int bus_open(const struct bus_options *options, struct bus **ret_bus,
             struct strbuf *err) MUST_CHECK;
/* Flushes what is buffered (2 s at most) and closes. NULL is fine. Always returns NULL. */
struct bus *bus_close(struct bus *bus);
DEFINE_CLEANUP(struct bus *, bus_close)

/* As the library's callbacks told it last; never blocks. Any thread. */
bool bus_connected(struct bus *bus);
/* Waits until the connection stands; false when it does not in time. Any thread. */
bool bus_wait_connected(struct bus *bus, uint64_t timeout_usec) MUST_CHECK;

/* Round trip to the server. -ETIMEDOUT, -ENOTCONN. Blocks up to timeout, and 2 s more (the write
 * deadline, or an attempt to connect) when the server has just stopped. */
int bus_ping(struct bus *bus, uint64_t timeout_usec) MUST_CHECK;

struct bus_stats {
    uint64_t reconnects;
    uint64_t in_msgs, out_msgs, in_bytes, out_bytes;
    uint64_t errors; /* asynchronous errors the library reported */
};
/* May wait up to 2 s when the server has stopped: not for a thread that serves requests. */
void bus_stats_of(struct bus *bus, struct bus_stats *ret);

/* ---- streams ---- */

enum bus_discard { BUS_DISCARD_NEW, BUS_DISCARD_OLD };

struct bus_stream_config {
    const char *name;
    const char *subjects[4]; /* NULL-terminated when fewer */
    enum bus_discard discard;
    uint64_t max_bytes;
    uint64_t max_age_usec;          /* 0 = keep */
    uint64_t duplicate_window_usec; /* 0 = server's default */
    uint32_t replicas;
};

struct bus_stream_state {
    uint64_t messages, bytes;
    uint64_t first_seq, last_seq;
    int64_t
        first_nsec; /* the stream's timestamp of its first message (wall clock); 0 without one */
    uint64_t max_bytes;
};

/* Creates the stream or updates it to this configuration; the same twice changes nothing. What
 * cannot be changed on a live stream is a clear error, never a deletion: a stream that must not
 * discard does not get a limit below what it holds. -ENOTCONN, -ETIMEDOUT: try again; -ENOSPC: the
 * server's store has no room for max_bytes; -EIO: refused, *err has the server's words. Blocks up
 * to 5 s. */
int bus_stream_ensure(struct bus *bus, const struct bus_stream_config *config,
                      struct strbuf *err) MUST_CHECK;
/* -ENOENT when there is no such stream. -ENOTCONN, -ETIMEDOUT: as above; in a cluster also while
 * the stream has no leader. */
int bus_stream_state_of(struct bus *bus, const char *stream, struct bus_stream_state *ret,
                        struct strbuf *err) MUST_CHECK;
/* The same with another patience than 5 s. */
int bus_stream_state_within(struct bus *bus, const char *stream, uint64_t timeout_usec,
                            struct bus_stream_state *ret, struct strbuf *err) MUST_CHECK;
/* Sequence of the first message that the stream took at that time (wall clock, cut to the second)
 * or later, that of its next message when there is none. */
int bus_stream_seq_since(struct bus *bus, const char *stream, int64_t nsec, uint64_t *ret_seq,
                         struct strbuf *err) MUST_CHECK;
/* When the stream took the first message it holds whose sequence is at least seq. 1: *ret_usec, by
 * the server's wall clock, cut to microseconds. 0: it holds none. -ENOENT: there is no such stream;
 * -ENOTCONN, -ETIMEDOUT: try again; -EIO: refused. */
int bus_stream_time_from(struct bus *bus, const char *stream, uint64_t seq, int64_t *ret_usec,
                         struct strbuf *err) MUST_CHECK;
/* Deletes the messages from first_seq to below_seq - 1, some ten thousand a second; what is missing
 * among them does not matter. Every one of them MUST have been acked by all consumers.
 * *ret_deleted: how many, also when it fails (-ENOTCONN, -ETIMEDOUT: try again). -EIO: none, in the
 * server's words.
 */
int bus_stream_trim(struct bus *bus, const char *stream, uint64_t first_seq, uint64_t below_seq,
                    uint64_t *ret_deleted, struct strbuf *err) MUST_CHECK;

struct bus_store_limits {
    uint64_t max_store; /* bytes this account may store; 0 = no limit is told */
    uint64_t used;
};
/* What JetStream may store on this account. */
int bus_store_limits_of(struct bus *bus, struct bus_store_limits *ret,
                        struct strbuf *err) MUST_CHECK;
