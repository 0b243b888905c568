/*
 * The outbox of one thread: gathers valid events into messages by lane, publishes them and the dead
 * letters, and tells each struct pending what became of its messages.
 *
 * Two sets of open messages. Shared ones hold single events of several requests (group commit): one
 * is sent at the end of a turn of the loop, and while it is not confirmed the next one of its lane
 * stays open and gathers, until the ack comes or the next event would not fit. Nothing waits for a
 * timer: a lane without a message in flight sends at once. Own ones hold the events of one request
 * with many: its messages have the same digest when it comes again.
 *
 * At most OUTBOX_MESSAGES_MAX messages and OUTBOX_BYTES_MAX bytes are in flight. Beyond, a loop's
 * outbox refuses (FAILURE_OVERLOADED), a worker's waits for outcomes.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus/dead_letter.h"
#include "bus/publisher.h"
#include "event/batch.h"
#include "gateway/gateway_metrics.h"
#include "gateway/lane.h"
#include "gateway/pending.h"
#include "gateway/streams.h"

#define OUTBOX_MESSAGES_MAX 4096
#define OUTBOX_BYTES_MAX ((size_t)16 << 20)

/* One message in flight. */
struct outgoing {
    struct outgoing *next; /* in the free list */
    struct pending *waiters;
    uint64_t sent_usec;
    size_t bytes;
    uint32_t events; /* 0 for a dead letter */
    int lane;        /* of events */
    bool shared;
    int stream;
};

struct outbox_message {
    struct batch_writer writer;
    struct pending *waiters;
    uint64_t opened_usec; /* when a shared one got its first event */
    /* of a shared lane: what was sent before this message */
    uint32_t unconfirmed;
    uint64_t sent_usec; /* the last of them */
};

struct outbox_options {
    const char *url;
    const char *name;
    struct log *log;
    void (*given_up)(void *ctx); /* as in struct bus_options */
    void *ctx;
    struct streams *streams;
    struct gateway_metrics *metrics;
    uint64_t ack_timeout_usec;
    bool waits; /* a worker's */
    /* Called when a sealed pending has all its outcomes; NULL: the owner looks by itself. */
    void (*done)(struct pending *p);
};

struct outbox {
    struct outbox_options options;
    struct bus_publisher *publisher;
    struct outbox_message shared[LANE_COUNT];
    struct outbox_message own[LANE_COUNT];
    struct outgoing *slots; /* OUTBOX_MESSAGES_MAX */
    struct outgoing *free;
    char subjects[LANE_COUNT][64];
    /* for the gauges; written by the owner alone */
    _Atomic uint32_t inflight;
    _Atomic uint64_t inflight_bytes;
};

/* Connects. outbox_release() in every case; a zeroed struct is fine for that. */
int outbox_init(struct outbox *ob, const struct outbox_options *options,
                struct strbuf *err) MUST_CHECK;
void outbox_release(struct outbox *ob);

/* Readable when outbox_collect() has something to do. */
int outbox_fd(const struct outbox *ob);
/* Takes the outcomes that wait. Calls done() of each pending that has its last, and sends what has
 * gathered behind a shared message that is confirmed. */
void outbox_collect(struct outbox *ob);
/* Blocks until an outcome came, at most usec, and takes it. */
void outbox_wait(struct outbox *ob, uint64_t usec);

/* Whether so many messages and bytes more would stay inside the limits. */
bool outbox_has_room(const struct outbox *ob, size_t messages, size_t bytes);

/* Adds the only event of a request to the lane's shared message. */
enum failure outbox_add_shared(struct outbox *ob, struct pending *p, int lane, struct span raw);
void outbox_flush_shared(struct outbox *ob);

/* Adds one of many events of a request. All calls between two outbox_flush_own() are for one p. */
enum failure outbox_add_own(struct outbox *ob, struct pending *p, int lane, struct span raw);
/* Sends what is open; when the pending has failed, drops it instead. */
void outbox_flush_own(struct outbox *ob, struct pending *p);

enum failure outbox_dead_letter(struct outbox *ob, struct pending *p,
                                const struct dead_letter *letter);
