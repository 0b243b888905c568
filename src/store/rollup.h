/*
 * Rollups against what the events say they must be (recount_*() in sql/migrations/): what differs
 * is found, and mended. sql/rollup/find/ says what differs, sql/rollup/mend/ puts it right; each
 * file is one rollup. Those of days are compared by UTC day, the users' numbers and attributes as a
 * whole.
 *
 * Everything may run meanwhile. What is found is of one snapshot, in which a rollup and the events
 * agree; a day that the retention gives up has no differences from then on. All functions return 0,
 * a db_outcome or -errno with *err for a person. One thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "store/db.h"

#define ROLLUP_DAY_TEXT_MAX 16

struct rollup_days {
    size_t count;
    char (*day)[ROLLUP_DAY_TEXT_MAX]; /* 2026-01-31, in order */
};

void rollup_days_release(struct rollup_days *days);

/* The days that are kept and have events or rollups. from, to: a day, or NULL = no bound. */
int rollup_days(struct db *db, const char *from, const char *to, struct rollup_days *ret,
                struct strbuf *err) MUST_CHECK;

/* Is told of each rollup with differences: the names of the first `named`, how many there are. All
 * lives for the call. */
struct rollup_found {
    const char *rollup; /* "event_counts" */
    uint64_t count;
    size_t named;
    const char *const *names; /* of one line each */
};
typedef void (*rollup_found_fn)(void *ctx, const struct rollup_found *found);

/* What one call is about. */
struct rollup_pass {
    const char *day; /* NULL: the users' numbers and attributes */
    rollup_found_fn found;
    void *ctx;
};

/* Changes nothing; a replica will do. */
int rollup_verify(struct db *db, const struct rollup_pass *pass, struct strbuf *err) MUST_CHECK;

/* Keeps other rebuilds out for as long as the connection lasts. DB_REFUSED: there is one. */
int rollup_lock(struct db *db, struct strbuf *err) MUST_CHECK;

/* Finds, mends, and tells the reporters. It may be interrupted and run again. Writers wait where
 * they add to rows that are being mended: for no longer than a recount of the day, which is needed
 * where a row holds too much. When it is over, verify finds nothing. */
int rollup_rebuild(struct db *db, const struct rollup_pass *pass, struct strbuf *err) MUST_CHECK;
