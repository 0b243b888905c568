/*
 * What a collector has to remember of single messages across its own death: which suspect messages
 * it had in hand when it died (table suspect_messages). A message is noted before it is touched and
 * forgotten after its commit.
 *
 * Of the messages only stream, seq and stored_nsec are read; no message may stand in a list twice.
 * All return 0 or a db_outcome, *err for a person.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"
#include "store/writer.h"

/* ret_attempts[i]: attempts on message i that began and never ended; 0 = none. */
int quarantine_attempts(struct db *db, const struct store_message *messages, size_t count,
                        uint32_t *ret_attempts, struct strbuf *err) MUST_CHECK;
/* Notes one more attempt on each, committed when it returns. */
int quarantine_begin(struct db *db, const struct store_message *messages, size_t count,
                     struct strbuf *err) MUST_CHECK;
/* The attempts ended well: forgets the messages. */
int quarantine_end(struct db *db, const struct store_message *messages, size_t count,
                   struct strbuf *err) MUST_CHECK;

/* ret_stored[i]: whether message i is in the ledger: stored, and its dead letters published,
 * before. */
int quarantine_stored(struct db *db, const struct store_message *messages, size_t count,
                      bool *ret_stored, struct strbuf *err) MUST_CHECK;
