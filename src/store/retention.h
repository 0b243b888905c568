/*
 * Retention: drops what is older than so many days. A boundary, a UTC midnight, moves forward
 * first: from then on no event behind it is stored and no report counts it (sql/migrations/, table
 * retention). What lies behind it is dropped afterwards in steps, each a short transaction of its
 * own; the next pass goes on where one was interrupted, wherever that was.
 *
 * No step keeps a writer or a report waiting for longer than a few seconds: a day leaves with
 * DETACH CONCURRENTLY, which waits for the readers of before and is finished by a later pass when
 * they take too long.
 *
 * One process at a time (db_try_lock); two would be in each other's way, no more. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"

/* One pass. Fill in what it is to do, the rest zeroed. */
struct retention_pass {
    uint32_t days;        /* events of so many days before today (UTC) are kept; at least 1 */
    uint64_t replay_usec; /* a key lives for so long and a day more after it was stored */
    const char *mover;    /* who does it: an instance; borrowed */

    /* what was done so far */
    bool moved;               /* the boundary */
    uint64_t days_dropped;    /* partitions */
    uint64_t events_dropped;  /* their rows */
    uint64_t revenue_deleted; /* rows */
    uint64_t rollups_deleted; /* rows: buckets of any grain */
    uint64_t keys_deleted;    /* rows */

    /* private */
    int stage;
    char revenue_after[40];
    size_t rollup;
    uint64_t key_block, key_blocks;
};

/* Does the next step. *ret_done: there is none left. 0 or a db_outcome (then the pass is over, and
 * another one may be tried later). */
int retention_step(struct db *db, struct retention_pass *pass, bool *ret_done,
                   struct strbuf *err) MUST_CHECK;
