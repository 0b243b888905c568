/*
 * Reads what a stream has stored, in order and without touching it: for audits, replays and lists
 * of dead letters. Where a reading ends is fixed when it begins, so that it ends on a stream that
 * grows, too.
 *
 * A reader pulls through an ephemeral consumer without acks. What the server sent and we never got
 * (a lost connection, a restarted server) shows as a gap in the consumer's own count; the reader
 * then goes on with a new consumer behind the last message it gave out. Each message comes once, in
 * the order of its sequence.
 *
 * A reader belongs to one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "bus/bus.h"
#include "bus/puller.h"

struct bus_reader;

struct bus_reader_options {
    const char *stream;
    const char *filter_subject; /* NULL = all; may hold wildcards */
    uint64_t start_seq;         /* the first to read; 0 = see start_nsec */
    int64_t start_nsec;         /* stored at or after this time; 0 = from the first message */
    uint64_t end_seq;           /* the last to read; 0 = the last there is when it opens */
    bool headers_only;          /* payloads stay empty: several times faster */
    uint64_t patience_usec;     /* without a message or a connection before it gives up; 0 = 10 s */
};

/* The strings are copied. -ENOENT: no such stream; -ENOTCONN, -ETIMEDOUT, -EIO: *err says why for
 * a person. Blocks up to 5 s. */
int bus_reader_open(struct bus *bus, const struct bus_reader_options *options,
                    struct bus_reader **ret_reader, struct strbuf *err) MUST_CHECK;
/* Removes the consumer, when the server can be reached. NULL is fine. */
struct bus_reader *bus_reader_free(struct bus_reader *r);
DEFINE_CLEANUP(struct bus_reader *, bus_reader_free)

/* The last sequence that may come. */
uint64_t bus_reader_end_seq(const struct bus_reader *r);
/* How many messages wait to be read, as the server counted them when it opened; those behind
 * end_seq included, and up to 0.1 s of those before start_nsec. For progress. */
uint64_t bus_reader_total(const struct bus_reader *r);

/* 1: *ret is the next message; free it with bus_delivery_free(); never ack it. 0: the end, and any
 * later call says the same. -ENOTCONN: the connection did not come back within patience_usec;
 * -ETIMEDOUT: nothing came although there is more; -ENOENT: the stream is gone; -EIO. *err says why
 * for a person. A call after a failure tries again. */
int bus_reader_next(struct bus_reader *r, struct bus_delivery **ret, struct strbuf *err) MUST_CHECK;

/* Bytes of the payload, also where a reading of headers left it out. */
uint64_t bus_delivery_bytes(struct bus_delivery *d);

/* ---- single messages; any thread; each blocks up to 5 s ---- */

/* -ENOENT: no message with this sequence (deleted, trimmed, or never there), or no such stream. */
int bus_stored_get(struct bus *bus, const char *stream, uint64_t seq, struct bus_delivery **ret,
                   struct strbuf *err) MUST_CHECK;
/* Deletes it from the stream; its bytes are not overwritten. -ENOENT as above. A timeout leaves
 * open whether it is gone. */
int bus_stored_delete(struct bus *bus, const char *stream, uint64_t seq,
                      struct strbuf *err) MUST_CHECK;
