/*
 * The batch format: what one JetStream message on events.<source>.<stage> holds. Newline-separated
 * JSON that a person can read with `nats sub`: one or more runs, each a context line
 *
 *   {"correlationId":"...","receivedAt":"2026-01-31T12:00:00.123Z","count":     N,
 *    "accepted":A,"rejected":R}
 *
 * (in one line) followed by N event lines, the original bytes of each event (the splitter has
 * turned raw LF and CR into spaces). A and R: the valid and the rejected events of the whole
 * request, all messages together. Both are left out where they are not known: of a request with
 * many events all messages but the last ones leave while it is still read. The line feed after the
 * last line is optional to a reader, always written.
 *
 * Headers of the message (written by the gateway): Event-Count, Content-Type
 * application/x-ndjson, Nats-Msg-Id (digest of the event lines).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

/* The most bytes of one message's payload; a single event of up to EVENT_MAX_BYTES always fits. */
#define BATCH_BYTES_MAX (256 * 1024)
#define BATCH_CORRELATION_MAX 128

struct batch_run {
    struct span correlation_id;
    int64_t received_usec;
    uint32_t count;
    int64_t accepted, rejected; /* -1 = it does not say */
};

/* Digest of event lines: SHA-256 as 64 hex digits. */
#define BATCH_DIGEST_BYTES 65

/* Builds one message. Reused for many: batch_writer_reset(). Owned by one thread. */
struct batch_writer {
    struct strbuf payload;
    uint32_t events;    /* in the message */
    uint32_t run_count; /* in the open run */
    size_t count_at;    /* where the open run's count stands; 0 = no open run */
    size_t lines_at;    /* where its event lines begin */
    void *digest;       /* private */
};

/* -ENOMEM. */
int batch_writer_init(struct batch_writer *w) MUST_CHECK;
void batch_writer_release(struct batch_writer *w);
void batch_writer_reset(struct batch_writer *w);

/* Whether a run with an event of `bytes` would still fit into the message. */
bool batch_writer_fits(const struct batch_writer *w, size_t event_bytes);

/* Opens a run; an open one is closed first. The caller has made sure that it fits. The correlation
 * id is printable ASCII of at most BATCH_CORRELATION_MAX bytes. */
int batch_writer_run(struct batch_writer *w, struct span correlation_id,
                     int64_t received_usec) MUST_CHECK;
/* Adds one event line to the open run. raw MUST hold no LF. -ENOBUFS when it does not fit. */
int batch_writer_event(struct batch_writer *w, struct span raw) MUST_CHECK;

/* Tells how many events of the open run's request were accepted and rejected, in all. At most once
 * a run, at any time: the events it has make way. -ENOBUFS never, where they fitted. */
int batch_writer_totals(struct batch_writer *w, uint32_t accepted, uint32_t rejected) MUST_CHECK;

/* Closes the open run and yields the payload (valid until reset) and the digest of its event lines.
 */
int batch_writer_finish(struct batch_writer *w, struct span *ret_payload,
                        char ret_digest[BATCH_DIGEST_BYTES]) MUST_CHECK;

/* Reads one message. Payload and arena are borrowed; spans point into the payload, a correlation id
 * that had to be unescaped into the arena. */
struct batch_reader {
    const char *at;
    const char *end;
    struct arena *arena;
    struct batch_run run;
    uint32_t left;  /* event lines left in the run */
    uint32_t index; /* of the next event in the message */
    uint32_t runs;  /* context lines read */
};

void batch_reader_init(struct batch_reader *r, struct span payload, struct arena *arena);

/* 1: *ret_line is the next event and r->run the run it belongs to. 0: the end. -EBADMSG: the frame
 * is broken here (no context line, fewer lines than counted); what came before it is good. */
int batch_reader_next(struct batch_reader *r, struct span *ret_line) MUST_CHECK;
