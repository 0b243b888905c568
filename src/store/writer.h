/*
 * The batch writer: stores what a collector pulled, exactly once, in one transaction a batch of
 * messages: a ledger row per message, a row per run of it (what became of a request's events),
 * new event keys, events, revenue, users and rollups (the derived rows only from events that were
 * really new).
 *
 * A message whose ledger row exists (all three of stream, seq, stored_nsec) was stored before and
 * is skipped. An event whose key exists is a duplicate; with another payload digest also a
 * conflict, and the first one stored wins. An event older than what is retained (store/retention.h)
 * is expired: counted, not stored.
 *
 * A batch may be a replay of messages that were stored before (store/replay.h).
 *
 * Several writers may run at once, in one process or many. Each belongs to one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "event/event.h"
#include "store/db.h"
#include "store/replay.h"

/* One event of a batch. All spans are borrowed and MUST live until the batch is written. */
struct store_event {
    struct event event;
    struct event_key key;
    uint64_t digest;            /* event_payload_digest() */
    struct span correlation_id; /* of its run */
    int64_t received_usec;      /* of its run */
    uint32_t message;           /* index into store_batch.messages */
    uint32_t run;               /* index into store_batch.runs */
    uint32_t index;             /* of the event in its message, from 0 */
    bool dead;                  /* dead-lettered already: leave it out, its message counts it */
    bool has_revenue;           /* private: a replay found its revenue row */
    bool restored;              /* private: a replay stores it again; the rollups have counted it */
};

/* One JetStream message of a batch. */
struct store_message {
    const char *stream; /* borrowed */
    uint64_t seq;
    int64_t stored_nsec;
    uint32_t events; /* all events the message claims to hold (Event-Count) */
    uint32_t dead;   /* of these, dead-lettered by the collector, store_event.dead included */
    bool acked;      /* in a replay: it was stored once, whether its ledger row is there or not */

    /* filled by store_write(): */
    bool seen; /* was in the ledger already: nothing of it was counted now, and nothing stored
                  unless this is a replay */
    uint32_t stored, duplicates, conflicts, expired;
};

/* The events that one request put into a message. */
struct store_run {
    struct span correlation_id; /* borrowed */
    int64_t received_usec;
    int64_t accepted, rejected; /* events of the whole request; -1 = the gateway did not say */
    uint32_t message;           /* index into store_batch.messages */
    uint32_t events, dead;      /* as those of its message, which may hold more runs */

    /* filled by store_write(): */
    uint32_t stored, duplicates, conflicts, expired;
};

struct store_batch {
    struct store_message *messages;
    size_t message_count;
    struct store_run *runs; /* in the order of their messages */
    size_t run_count;
    struct store_event *events;
    size_t event_count;
    const struct store_replay *replay; /* borrowed; NULL = these are first deliveries */

    struct store_replay_counts mended; /* added to by store_write() */
};

struct store_writer;

/* Takes the connection over (and frees it with the writer). NULL when out of memory. */
struct store_writer *store_writer_new(struct db *db);
struct store_writer *store_writer_free(struct store_writer *w);
DEFINE_CLEANUP(struct store_writer *, store_writer_free)

/* Stores the batch and commits. The events MUST stand in the order of their messages; nothing is
 * reordered. 0: committed, counts filled in. DB_RETRY: not committed, call again later with the
 * same batch. DB_UNKNOWN: likewise (the ledger tells on the next call). DB_DATA_FAULT: some event
 * in it can never be stored: find it with store_try(). DB_REFUSED: a person must act. *err for a
 * person.
 *
 * A batch of more than some 250 UTC days or 50,000 events takes several transactions of whole
 * messages, because each partition costs locks and each user's activity memory. When a later one of
 * them fails, what the earlier ones committed is found as `seen` by the next call. */
int store_write(struct store_writer *w, struct store_batch *batch, struct strbuf *err) MUST_CHECK;

/* Tries the events first..first+count-1 of the batch as store_write() would and rolls back: 0 they
 * can be stored, else an outcome as above. Leaves the counts alone. */
int store_try(struct store_writer *w, struct store_batch *batch, size_t first, size_t count,
              struct strbuf *err) MUST_CHECK;
