/*
 * Publishes to JetStream without waiting: hand messages over, take their outcomes from a queue. One
 * publisher belongs to one thread (the HTTP loop that owns its requests), which does everything: it
 * writes when messages are handed over, and reads when the descriptor says so. Nothing here blocks;
 * what the socket has no room for is kept. Each publisher has a connection of its own.
 *
 * A message is in flight until its outcome was taken. Every message handed over successfully has
 * exactly one outcome: the server's ack, the server's refusal, or "unknown" after the ack timeout,
 * which counts from the hand-over. A message that could not be sent until then is never sent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "bus/bus.h"

enum bus_outcome {
    BUS_STORED,    /* PubAck: the stream has it */
    BUS_DUPLICATE, /* PubAck with duplicate:true: the stream had it already */
    BUS_REFUSED,   /* an error from the server: stream full (10023, 10077), no stream ... */
    BUS_UNKNOWN    /* no ack in time, connection lost, seq 0: it may or may not be stored */
};

#define BUS_HEADER_VALUE_MAX 4096

struct bus_header {
    const char *name; /* token characters */
    struct span
        value; /* CR, LF and NUL are replaced by spaces; cut at BUS_HEADER_VALUE_MAX bytes */
};

struct bus_message {
    const char *subject;
    struct span payload;
    const char *msg_id; /* Nats-Msg-Id, or NULL */
    const struct bus_header *headers;
    size_t header_count;
};

/* Refusals that JetStream did not word itself. */
#define BUS_ERROR_NO_STREAM 503   /* no stream takes this subject */
#define BUS_ERROR_TOO_LARGE 10054 /* larger than the server's max_payload */

struct bus_result {
    void *token; /* as given to bus_publish() */
    enum bus_outcome outcome;
    uint64_t seq;
    int error_code; /* JetStream's error code of a refusal (nats-server, server/errors.json), else 0
                     */
    char error[96]; /* the server's words, for a person; "" when stored */
};

struct bus_publisher;

struct bus_publisher_options {
    uint32_t max_pending;       /* messages in flight at most */
    uint64_t max_pending_bytes; /* payload bytes in flight at most */
    uint64_t ack_timeout_usec;  /* 0 = 3 s */
};

/* Connects; with the server away, in the background (bus_publisher_connected() says). -EINVAL for a
 * URL that is none, -ENOMEM; *err says why for a person. */
int bus_publisher_new(const struct bus_options *bus, const struct bus_publisher_options *options,
                      struct bus_publisher **ret_publisher, struct strbuf *err) MUST_CHECK;
/* Closes the connection. Outcomes not yet taken are lost; drain first. NULL is fine. */
struct bus_publisher *bus_publisher_free(struct bus_publisher *p);
DEFINE_CLEANUP(struct bus_publisher *, bus_publisher_free)

/* Hands one message over; payload and headers are copied before it returns. Never blocks.
 * -ENOTCONN: no connection. -EAGAIN: max_pending or max_pending_bytes reached (take outcomes
 * first). -EINVAL: no subject. -ENOMEM. On failure nothing was sent and no outcome comes. */
int bus_publish(struct bus_publisher *p, const struct bus_message *message, void *token) MUST_CHECK;

/* Never blocks. Any thread. */
bool bus_publisher_connected(const struct bus_publisher *p);

/* For poll or epoll: readable when outcomes may wait, timeouts included, or the connection wants
 * attention; stays readable until bus_publisher_next() has returned false. The owner MUST look at
 * it also while nothing is in flight, or the server drops the connection. Never read from it. */
int bus_publisher_fd(const struct bus_publisher *p);
/* Takes the next outcome, in no promised order; false when none waits. */
bool bus_publisher_next(struct bus_publisher *p, struct bus_result *ret);

/* Messages in flight. */
uint32_t bus_publisher_pending(const struct bus_publisher *p);

/* For tools and collectors: publishes one message and waits for its outcome. 0 = stored or
 * duplicate; -EIO refused, -ETIMEDOUT unknown (*ret_result says why in each of these), -ENOTCONN
 * nothing was sent. Any thread. */
int bus_publish_sync(struct bus *bus, const struct bus_message *message, uint64_t timeout_usec,
                     struct bus_result *ret_result) MUST_CHECK;
