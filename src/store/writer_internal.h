/*
 * What the files of the batch writer share. One attempt at a batch is a struct write_job: its
 * scratch memory lives in the writer's arena and is forgotten with the next attempt.
 *
 * Every transaction takes its row locks in one order, whoever writes: event_keys by key, then
 * user_demographics by (source, user), then ledger by (stream, seq, stored_at); events and revenue
 * in between take none that others wait for. That is why parallel writers cannot deadlock.
 *
 * All functions: 0, an enum db_outcome or -errno, with *err for a person.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "store/array.h"
#include "store/copy.h"
#include "store/key_filter.h"
#include "store/partition.h"
#include "store/writer.h"

/* One event that may be stored, in the order of keys. */
struct key_slot {
    struct key_number key; /* sorts as the bytes do */
    uint32_t event;        /* index into the batch */
    bool asked;            /* looked up in the register (the same for all slots of a key) */
    bool known;            /* the register has the key (valid in the first slot of each key) */
    bool fresh;            /* it is new, and this is the event to store */
    uint64_t digest;       /* in the register; valid when known */
};

#define ARRAYS_MAX 14

struct store_writer {
    struct db *db; /* owned */
    struct arena arena;
    struct partition_cache partitions;
    struct key_filter *stored_keys;
    struct pg_copy copy;
    struct pg_array arrays[ARRAYS_MAX]; /* columns of the statement that is built just now */
};

/* The part of a batch that one transaction stores: whole messages. */
struct batch_slice {
    size_t message_first, message_count;
    size_t event_first, event_count;
};

struct write_job {
    struct store_writer *w;
    struct store_batch *batch;
    struct batch_slice slice;
    bool trial;   /* roll back in the end, leave the batch's counts alone */
    bool ask_all; /* the filter of stored keys does not tell: look up every key */
    bool careful; /* another writer is at the same keys: let PostgreSQL arbitrate each one */

    int64_t retained_usec; /* events before it are expired */
    uint32_t *messages;    /* of the slice, in ledger order: indices into the batch */
    bool *seen; /* by message of the batch: in the ledger already, or twice in this slice */
    struct key_slot *slots;
    size_t slot_count;
    uint32_t *fresh; /* events to store, in batch order */
    size_t fresh_count;

    /* in a replay, where the ledger does not make a message seen; by message of the batch: */
    bool *recorded;          /* in the ledger already */
    uint32_t *recorded_dead; /* of these, what it counts as dead */
    struct store_replay_counts mended;
};

static inline struct store_event *job_event(const struct write_job *job, size_t i)
{
    return &job->batch->events[job->fresh[i]];
}

/* An empty campaign is none. */
static inline struct span event_campaign(const struct event *ev)
{
    return ev->engagement.campaign_id.len ? ev->engagement.campaign_id : SPAN_NONE;
}

/* writer.c: the writer's first `count` arrays as the next parameters. */
int arrays_params(struct store_writer *w, size_t count, struct pg_params *params) MUST_CHECK;

/* writer_slice.c: the next slice of the batch; false at the end. Starts from a zeroed one. */
bool slice_next(const struct store_batch *batch, struct batch_slice *slice);

/* writer_ledger.c */
int ledger_prepare(struct write_job *job) MUST_CHECK;
int ledger_send_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
int ledger_take_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
bool ledger_has_rows(const struct write_job *job);
int ledger_send_rows(struct write_job *job, struct strbuf *err) MUST_CHECK;

/* writer_expiry.c */
int expiry_send_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
int expiry_take_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* Whether the event is expired; then it is counted as such: ask once. */
bool expiry_takes(struct write_job *job, const struct store_event *se) MUST_CHECK;

/* writer_keys.c */
int keys_prepare(struct write_job *job) MUST_CHECK;
int keys_send_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
int keys_take_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* Decides which events are new and counts the others (once the lookup's answer is in), and writes
 * the new keys. */
int keys_register(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* The batch is committed. */
void keys_remember(struct write_job *job);

/* writer_replay.c */
static inline bool job_is_replay(const struct write_job *job)
{
    return job->batch->replay != NULL;
}
int replay_prepare(struct write_job *job) MUST_CHECK;
/* Before keys are written: leaves out events of which nobody knows whether they may be stored. */
void replay_leave_unclear(struct write_job *job);
/* After that: settles which rows are missing, and what messages without a ledger row count. */
int replay_mend(struct write_job *job, struct strbuf *err) MUST_CHECK;

/* writer_events.c, writer_revenue.c */
int events_copy(struct write_job *job, struct strbuf *err) MUST_CHECK;
int revenue_copy(struct write_job *job, struct strbuf *err) MUST_CHECK;

/* writer_users.c */
int users_send(struct write_job *job, struct strbuf *err) MUST_CHECK;
