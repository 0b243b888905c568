/*
 * How far the collectors are with the streams, cheap enough to be asked every second: what lies at
 * or below a consumer's ack floor is committed and is counted once; after that only what came
 * later is read.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"

struct progress_counts {
    uint64_t messages, events; /* events = stored + duplicates + dead + expired */
    uint64_t stored, duplicates, dead, expired;
};

/* Of one stream. A plain value, {0} at first. */
struct progress {
    struct progress_counts settled; /* all up to seq, and what was pruned */
    uint64_t seq;
    struct progress_counts all; /* settled, and what came later */
};

/* Brings it up to date. ack_floor: the consumer's, read before the call; every message up to it has
 * its row. One that moved back (the stream was made anew, or restored) begins the count anew. 0 or
 * a db_outcome; then *p is as it was. MUST ask the primary: a replica may not have the rows yet. */
int progress_update(struct db *db, const char *stream, uint64_t ack_floor, struct progress *p,
                    struct strbuf *err) MUST_CHECK;

/* Tells that all messages which the stream took before this moment are stored. An earlier moment
 * than was told before changes nothing, nor does a later one than now in the database's own time:
 * whose clock runs ahead promises nothing. Several may tell; most of it is passed over, so that
 * the row is written about once a second. 0 or a db_outcome. */
int progress_tell(struct db *db, const char *stream, int64_t through_usec,
                  struct strbuf *err) MUST_CHECK;

/* All messages that the streams took before this moment are stored; 0 when none has told yet. 0 or
 * a db_outcome. */
int progress_through(struct db *db, int64_t *ret_usec, struct strbuf *err) MUST_CHECK;
