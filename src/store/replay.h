/*
 * What a replay has to know of the tables before it writes (store_batch.replay): which keys have no
 * event row, and which event rows have no key. Read once, in one snapshot; the writer asks again
 * about every event that it restores, under the lock of its key, so that neither an old answer nor
 * a second replay stores an event twice.
 *
 * A replay of a message differs from its first delivery in three things:
 * - That the ledger has the message does not end it: every event is looked up. Its ledger row stays
 *   as it is, for what it counted as stored is what is stored again.
 * - An event whose key is there but whose row is not gets its row back, and its revenue and its
 *   user; one whose row is there without a key gets the key. A row is only restored from the very
 *   payload that was stored.
 * - A message without a ledger row that was acked once (store_message.acked) gets one that says
 *   what the lost one said: an event that is stored was stored by this message if its row came with
 *   the same request.
 *
 * Rollups were written in the transaction that stored the events, and are taken to be there still:
 * an event whose key is there, or whose message the ledger has, is not counted in them again. One
 * of which neither is left (the database lost the whole transaction) is new to them as well.
 * Bitmaps take any event once more, which changes nothing. Where rollups were lost by themselves,
 * or rebuilt while rows were missing, or a user's row was lost (it comes back with another number),
 * they must be rebuilt after the replay.
 *
 * Belongs to one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"
#include "store/key_number.h"

struct key_set {
    struct key_number *keys; /* sorted; owned */
    size_t count, room;
};

bool key_set_has(const struct key_set *set, struct key_number key);

struct store_replay {
    struct key_set rowless; /* keys without an event row, of days that are retained */
    struct key_set keyless; /* event rows without a key, likewise */
};

/* 0, a db_outcome or -ENOMEM, *err for a person. Release it in any case. Two joins of all keys with
 * all events. */
int store_replay_init(struct store_replay *replay, struct db *db, struct strbuf *err) MUST_CHECK;
void store_replay_release(struct store_replay *replay);

/* What a replay did to events whose message was stored before. */
struct store_replay_counts {
    uint64_t restored; /* rows for keys without one */
    uint64_t rekeyed;  /* keys for rows without one */
    uint64_t added;    /* neither was there: both */
    uint64_t unclear;  /* left alone: neither is there, but some of its message were dead letters */
};
