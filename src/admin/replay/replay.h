/*
 * One run of `sluice replay`: which messages, what a look at them found, what was done.
 *
 * The messages are read from the stream and go through the same decoder and batch writer as in a
 * collector, in the writer's replay mode (store/replay.h). They are not published again: the stream
 * keeps its contents, and the ledger and the audit what they count. A replay is idempotent: one
 * that was killed is run again.
 *
 * Messages that no collector has acked and the ledger does not have are left to the collectors.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "admin/audit/scan.h"
#include "admin/replay/stopper.h"
#include "admin/trial/progress.h"
#include "bus/bus.h"
#include "bus/layout.h"
#include "event/event.h"
#include "store/db.h"
#include "store/replay.h"
#include "store/writer.h"

/* Messages of one stream, and what came of them. */
struct replay_part {
    const char *source; /* borrowed */
    char stream[BUS_STREAM_NAME_MAX];
    enum event_source kind;
    bool has_consumer;
    uint64_t floor; /* the collectors acked all up to it before the run */

    /* what the look found: */
    uint64_t messages, events;
    uint64_t first_seq, last_seq;
    int64_t first_nsec, last_nsec;
    uint64_t lost_messages, lost_events; /* acked, without a ledger row */
    uint64_t in_flight;                  /* messages that are left to the collectors */

    /* what was done: */
    uint64_t done_messages, done_events;
    uint64_t next_seq; /* the first message that was not done, 0 = all were */
    int64_t next_nsec;
    struct store_replay_counts mended;
    struct store_message recorded; /* sums over the messages that got a ledger row */
    uint64_t recorded_messages;
    struct scan letters; /* read when the first lost message with a dead event comes */
    bool letters_read;
};

struct replay {
    int64_t from_usec, to_usec; /* from <= stored < to; INT64_MIN, INT64_MAX = no bound */
    int source;                 /* enum event_source, -1 = all */
    bool act;
    uint64_t batch_max_events, batch_max_bytes;

    struct bus *bus; /* these four are owned */
    struct db *db;   /* for looking */
    struct store_writer *writer;
    struct store_replay lost;
    struct stopper *stopper; /* borrowed */
    struct progress progress;

    struct replay_part parts[SOURCE_COUNT];
    size_t part_count;
};

/* Reads the messages' headers, the ledger, and which keys and rows lack one another. 0, or not 0
 * and *err. */
int replay_look(struct replay *r, struct strbuf *err) MUST_CHECK;

/* Does it. 0, -ECANCELED when the stopper was asked, or another failure and *err; the parts say how
 * far it came. */
int replay_act(struct replay *r, struct strbuf *err) MUST_CHECK;

/* To standard output: what a look found; what was done. */
void replay_print_look(const struct replay *r);
void replay_print_done(const struct replay *r);
