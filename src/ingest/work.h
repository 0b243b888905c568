/*
 * A batch in hand: some messages as they were pulled, their events decoded, what is wrong with some
 * of them, and what the log says about it afterwards. It owns the deliveries until they are acked
 * or given back; everything decoded points into their payloads or into the batch's arena.
 *
 * One thread at a time works on it; only work_keep_alive() may be called from another one
 * meanwhile.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/macros.h"
#include "base/span.h"
#include "bus/puller.h"
#include "event/decode.h"
#include "event/event.h"
#include "store/writer.h"

/* Consecutive events of one request. */
struct work_run {
    struct span correlation_id;
    int64_t received_usec;
    uint32_t events;
};

/* Events that can never be stored: each goes to the dead-letter stream before its message is
 * committed. */
struct work_dead {
    uint32_t message;    /* index into messages */
    uint32_t index;      /* of the event in its message */
    uint32_t events;     /* it stands for: more than 1 where a broken frame hides them */
    uint32_t run_events; /* of these, how many its run counts */
    uint32_t run;        /* index into message_runs, when it counts any */
    struct span bytes;
    struct span correlation_id;
    int64_t received_usec;
    int stage; /* enum event_stage, -1 when unreadable */
    const char *reason, *pointer, *detail;
    bool published;
};

struct work_limits {
    uint64_t events;
    uint64_t bytes;
};

struct work {
    struct arena arena;
    pthread_mutex_t lock; /* of deliveries against work_keep_alive() */
    struct bus_delivery **deliveries;
    struct store_message *messages; /* same index */
    size_t message_count, message_room, delivery_room;
    struct store_event *events;
    size_t event_count, event_room;
    struct work_dead *dead;
    size_t dead_count, dead_room;
    struct work_run *runs;
    size_t run_count, run_room;
    struct store_run *message_runs; /* the same message by message, for the store */
    size_t message_run_count, message_run_room;
    uint64_t bytes;      /* of payloads */
    uint64_t newest_seq; /* highest stream sequence in it */
    uint64_t begun_usec; /* monotonic, when its first message was taken */
    uint64_t keep_usec;  /* monotonic, when its messages must be kept alive next */
    uint64_t queued;     /* its events in the process's count of those that wait */
    bool suspect;        /* of redelivered messages that are not decoded yet (suspects.h) */
    const struct store_replay *replay; /* the batches are replays; borrowed, stays over resets */
};

int work_init(struct work *w, uint64_t batch_max_bytes) MUST_CHECK;
/* Frees what deliveries are still in it: they come again after ack_wait. */
void work_release(struct work *w);
/* Empties it for reuse. Deliveries still in it are freed. */
void work_reset(struct work *w);

/* Whether the message would pass the limits; anything fits into an empty batch. */
bool work_fits(const struct work *w, const struct work_limits *limits,
               const struct bus_delivery *d);
/* Whether another delivery of this very message is in it. */
bool work_has(const struct work *w, const struct bus_delivery *d);

/* Takes the delivery over. stream: borrowed. keep_usec: ack_wait / 3. -ENOMEM: still the caller's.
 */
int work_take(struct work *w, struct bus_delivery *d, const char *stream,
              uint64_t keep_usec) MUST_CHECK;

/* What the message says to hold (Event-Count), 0 when it says nothing. It cannot hold more events
 * than bytes. */
uint32_t work_events_claimed(struct bus_delivery *d);

/* Decodes the message's events into the batch: what cannot be decoded, a broken frame and events of
 * another source become dead ones. -ENOMEM: nothing of it was added. */
int work_decode(struct work *w, size_t message, struct event_decoder *decoder,
                enum event_source source) MUST_CHECK;
/* Puts every event of the message among the dead ones, without decoding them. */
int work_condemn(struct work *w, size_t message, const char *reason, const char *detail) MUST_CHECK;

/* Marks an event as dead that only the database could find out about. -ENOMEM. */
int work_event_failed(struct work *w, size_t event, const char *reason,
                      const char *detail) MUST_CHECK;

/* Drops a message with all that came of it; its delivery is freed without an ack. Last one only. */
void work_drop_last(struct work *w);
/* Drops every message whose flag is set. -ENOMEM: nothing is dropped. */
int work_drop(struct work *w, const bool *flags) MUST_CHECK;
/* Hands a delivery out of the batch; the message's place stays. */
struct bus_delivery *work_hand_out(struct work *w, size_t message);

/* Sends `kind` for every delivery and frees it. Failures are fine: the ledger knows what is stored.
 */
void work_answer(struct work *w, struct bus *bus, enum bus_ack kind);
/* Tells the server that the messages are being worked on, when that is due. Any thread. */
void work_keep_alive(struct work *w, struct bus *bus, uint64_t now_usec, uint64_t every_usec);

struct store_batch work_batch(struct work *w);
