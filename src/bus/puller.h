/*
 * Pulls messages of a durable consumer, with its own small loop around
 * $JS.API.CONSUMER.MSG.NEXT.<stream>.<durable> (natsSubscription_Fetch of libnats 3.4.1 corrupts
 * the heap). Requests are kept outstanding so that a batch is on its way while the last is worked
 * on.
 *
 * A puller belongs to one thread; acks may be sent from another one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "bus/bus.h"

struct bus_consumer_config {
    const char *stream;
    const char *durable;
    const char *filter_subject; /* NULL = all of the stream */
    uint64_t ack_wait_usec;     /* 30 s */
    uint64_t max_ack_pending;   /* messages delivered and not acked, over all instances */
};

/* Creates the durable consumer or checks that it is there: explicit ack, deliver all, max_deliver
 * -1; and it answers. -EAGAIN: it did not and was deleted, ask again in a second. Other errors as
 * bus_stream_ensure(). */
int bus_consumer_ensure(struct bus *bus, const struct bus_consumer_config *config,
                        struct strbuf *err) MUST_CHECK;

struct bus_consumer_state {
    uint64_t pending;     /* in the stream, not yet delivered */
    uint64_t ack_pending; /* delivered, not yet acked */
    uint64_t redelivered;
    uint64_t ack_floor_seq; /* all up to it is acked */
    uint64_t delivered_seq;
    uint64_t delivered; /* messages, each time counted */
};
int bus_consumer_state_of(struct bus *bus, const char *stream, const char *durable,
                          struct bus_consumer_state *ret, struct strbuf *err) MUST_CHECK;

struct bus_floor {
    uint64_t seq; /* all up to it is acked by every consumer of the stream */
    char
        consumer[64]; /* the one that is furthest behind, another one than `durable` if it can be */
};
/* -ENOENT when the durable consumer is not among them (or the stream is gone): then nothing is
 * known to be acked. */
int bus_stream_floor(struct bus *bus, const char *stream, const char *durable,
                     struct bus_floor *ret, struct strbuf *err) MUST_CHECK;

/* One message as it came. Owned by whoever took it; free with bus_delivery_free(). */
struct bus_delivery {
    void *msg; /* private */
    struct span payload;
    const char *subject;
    const char *reply;   /* the ack subject */
    uint64_t seq;        /* stream sequence */
    uint64_t nth;        /* of all that this consumer delivered, from 1 */
    int64_t stored_nsec; /* the stream's own timestamp of the message (wall clock) */
    uint64_t deliveries; /* how many times it was delivered, this one included */
    uint64_t pending;    /* messages left behind it */
};

struct bus_delivery *bus_delivery_free(struct bus_delivery *d);
DEFINE_CLEANUP(struct bus_delivery *, bus_delivery_free)
/* A header's value, or NULL. Borrowed from the delivery. */
const char *bus_delivery_header(struct bus_delivery *d, const char *name);

struct bus_puller;

struct bus_puller_options {
    const char *stream;
    const char *durable;
    uint32_t batch;        /* messages a request asks for */
    uint64_t max_bytes;    /* bytes that may wait in memory */
    uint64_t expires_usec; /* of a request: 100 to 250 ms */
};

int bus_puller_new(struct bus *bus, const struct bus_puller_options *options,
                   struct bus_puller **ret_puller, struct strbuf *err) MUST_CHECK;
struct bus_puller *bus_puller_free(struct bus_puller *p);
DEFINE_CLEANUP(struct bus_puller *, bus_puller_free)

/* Waits up to timeout for the next message. 1: *ret_delivery is it. 0: none came in time.
 * -ENOTCONN: not connected (wait, then call again). -ENOENT: the consumer is gone (ensure it
 * again). */
int bus_puller_next(struct bus_puller *p, uint64_t timeout_usec,
                    struct bus_delivery **ret_delivery) MUST_CHECK;

/* Messages that wait to be taken. */
int bus_puller_waiting(const struct bus_puller *p);

/* Stops asking for more. What was asked for still comes within expires_usec and can be taken with
 * bus_puller_next(), which returns 0 at once when nothing more can come. */
void bus_puller_stop(struct bus_puller *p);

enum bus_ack { BUS_ACK, BUS_NAK, BUS_WORKING, BUS_TERM };
/* Sends an ack; the server does not answer it. One that is lost costs a redelivery, so the result
 * may be ignored. -ENOTCONN. Any thread; blocks up to the write deadline (2 s) when the server
 * stops reading. */
int bus_ack(struct bus *bus, const struct bus_delivery *d, enum bus_ack kind);
