/*
 * The messages of a publisher that have no taken outcome yet: a fixed number of slots, so that
 * memory is bounded and nothing is allocated for a message but its copy.
 *
 * A slot goes free -> queued -> sent -> done -> free; queued may go to done directly (given up
 * before it was sent). Queued and sent ones stand in the order of their deadlines, the queued
 * behind the sent. Not thread-safe: it belongs to the publisher's owner.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "bus/publisher.h"

enum inflight_state { SLOT_FREE, SLOT_RESERVED, SLOT_QUEUED, SLOT_SENT, SLOT_DONE };

struct inflight_slot {
    struct inflight_slot *prev, *next; /* in the list of its state */
    void *msg;                         /* while queued; owned */
    uint64_t bytes;
    uint64_t deadline_usec; /* monotonic */
    uint32_t generation;    /* of its use: an ack of an earlier one is not meant for this */
    uint32_t inbox;         /* where its ack comes to; set by the publisher */
    enum inflight_state state;
    struct bus_result result;
};

struct inflight_list {
    struct inflight_slot *head, *tail;
};

struct inflight {
    struct inflight_slot *slots;
    uint32_t max, used;
    uint64_t max_bytes, bytes;
    struct inflight_list free, waiting /* queued and sent */, done;
    struct inflight_slot *next_to_send; /* the first queued one */
    void (*msg_free)(void *msg);
};

int inflight_init(struct inflight *f, uint32_t max, uint64_t max_bytes,
                  void (*msg_free)(void *msg)) MUST_CHECK;
void inflight_release(struct inflight *f);

/* NULL when there is no room. A message larger than max_bytes has room when nothing else is there.
 */
struct inflight_slot *inflight_reserve(struct inflight *f, uint64_t bytes, void *token) MUST_CHECK;
/* Gives a reserved slot back. */
void inflight_cancel(struct inflight *f, struct inflight_slot *slot);
/* Takes msg over. Deadlines MUST NOT go back from one call to the next. */
void inflight_queue(struct inflight *f, struct inflight_slot *slot, void *msg, uint64_t deadline);

/* The number an ack brings back, and the slot it means while that still waits for one, else NULL.
 */
uint64_t inflight_id(const struct inflight *f, const struct inflight_slot *slot);
struct inflight_slot *inflight_find(struct inflight *f, uint64_t id);

/* Takes the first queued message to send it; NULL when none is queued. */
void *inflight_send(struct inflight *f, uint64_t *ret_id) MUST_CHECK;

/* The outcome is known. */
void inflight_finish(struct inflight *f, struct inflight_slot *slot,
                     const struct bus_result *result);
/* Finishes all that were sent and whose ack would come to this inbox. */
void inflight_finish_inbox(struct inflight *f, uint32_t inbox, const struct bus_result *result);
/* Finishes all whose deadline has passed as unknown. True when there were any. */
bool inflight_expire(struct inflight *f, uint64_t now);
/* The earliest deadline; 0 when nothing waits. */
uint64_t inflight_deadline(const struct inflight *f);

/* Takes the oldest outcome and frees its slot; false when there is none. */
bool inflight_take(struct inflight *f, struct bus_result *ret);
