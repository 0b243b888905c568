/*
 * Prunes the ledger: rows of messages that have left their stream and are old, so that no restart
 * and no restored stream brings the message back, are added up in ledger_totals and deleted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"

struct ledger_prune {
    const char *stream; /* borrowed */
    /* What the stream holds just now. A stream that was made anew counts from 1 again: rows of the
     * old one are told by their time. */
    uint64_t first_seq, last_seq;
    int64_t first_nsec; /* of its first message; of now when it holds none */
    uint64_t keep_usec; /* a row lives for so long at least */
};

/* Prunes some rows in one transaction. *ret_pruned: how many; 0 = there are none (at least none
 * near the oldest). One process at a time for each stream (db_try_lock). 0 or a db_outcome. */
int ledger_prune_some(struct db *db, const struct ledger_prune *prune, uint64_t *ret_pruned,
                      struct strbuf *err) MUST_CHECK;
