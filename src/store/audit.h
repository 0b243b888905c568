/*
 * What an audit reads of the database: the ledger message by message, the sums of what has left it,
 * and recounts of the tables. Nothing is changed.
 *
 * All that is read between audit_begin() and audit_end() is one snapshot, which the retention waits
 * for; writers do not. All functions return 0, a db_outcome or -errno with *err for a person.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "store/db.h"

/* Counts of the ledger, of one message or of many. */
struct audit_counts {
    uint64_t messages, events, stored, duplicates, conflicts, dead, expired;
};

/* One row of the ledger. */
struct audit_row {
    uint64_t seq;
    int64_t stored_nsec;
    struct audit_counts counts;
};

/* How far a stream's ledger rows were summed up and deleted. */
struct audit_pruned {
    struct audit_counts counts;
    uint64_t through_seq;
    int64_t through_nsec;
};

/* Rows of processed_events of a source: those there are and those that were dropped for their age.
 */
struct audit_events {
    uint64_t rows, dropped;
};

struct audit_keys {
    uint64_t rows, deleted;
    uint64_t stored; /* what the ledger and its totals say of all streams */
};

/* Opens the snapshot. DB_REFUSED when the server is a replica: it may lag behind the stream. */
int audit_begin(struct db *db, struct strbuf *err) MUST_CHECK;
void audit_end(struct db *db);

/* In or out of a snapshot. A stream that was never pruned has all zeros. */
int audit_pruned_of(struct db *db, const char *stream, struct audit_pruned *ret,
                    struct strbuf *err) MUST_CHECK;

/* Called for each row in the order of (seq, stored_nsec). <0 ends the reading and is returned. */
typedef int (*audit_row_fn)(void *ctx, const struct audit_row *row);
int audit_ledger(struct db *db, const char *stream, audit_row_fn fn, void *ctx,
                 struct strbuf *err) MUST_CHECK;

int audit_events_of(struct db *db, const char *source, struct audit_events *ret,
                    struct strbuf *err) MUST_CHECK;
int audit_keys_of(struct db *db, struct audit_keys *ret, struct strbuf *err) MUST_CHECK;

/* Recounts: each finds rows that do not agree with others (sql/audit/). Joins of whole tables, by
 * hash: none looks anything up row by row. What lies behind retained_from is left out. */
struct audit_check {
    struct span what; /* what a row found is: "keys without their event row" */
    const char *sql;  /* private */
};
size_t audit_check_count(void);
struct audit_check audit_check_at(size_t i);

/* *ret_count: how many rows differ. `name` is called for the first `most` of them; the span lives
 * for the call. source: NULL = all. */
typedef void (*audit_name_fn)(void *ctx, struct span name);
int audit_check_run(struct db *db, const struct audit_check *check, const char *source,
                    unsigned most, audit_name_fn name, void *ctx, uint64_t *ret_count,
                    struct strbuf *err) MUST_CHECK;
