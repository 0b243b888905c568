/*
 * Random valid events as the ad platforms send them, for the publisher, the load tests and the
 * benchmark. With the same options the same events come out (timestamps count from `start_usec`). A
 * user's profile never changes: it is a function of the seed and the user's number.
 *
 * A generator belongs to one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "event/event.h"

struct generator_options {
    uint64_t seed;
    uint32_t users;     /* distinct users a source; 0 = 1 */
    uint32_t campaigns; /* distinct campaigns; 0 = 1 */
    double duplicates;  /* share of events that repeat an earlier event of this generator, to the
                           byte: half of them one of the last 100, the others any of the last 4096 */
    int source;         /* enum event_source, -1 = both */
    int64_t start_usec; /* timestamp of the first event */
    int64_t span_usec;  /* timestamps are spread over this span behind start (0: step_usec apart) */
    int64_t step_usec;  /* distance of one event to the next when span_usec is 0 */
    const char *id_prefix; /* of event ids, at most 100 bytes of plain letters; keeps runs apart;
                              NULL: one made of the seed. Copied. */
};

struct generator;
struct generator *generator_new(const struct generator_options *options); /* NULL: out of memory */
struct generator *generator_free(struct generator *g);
DEFINE_CLEANUP(struct generator *, generator_free)

/* Moves the timestamps of the events to come: they count from `start_usec` on. For a caller that
 * follows the clock. Duplicates keep the timestamp they had. */
void generator_set_start(struct generator *g, int64_t start_usec);

/* What the caller needs to know of an event it just got, to check reports against. */
struct generated {
    bool duplicate; /* repeats an earlier one */
    enum event_source source;
    enum event_stage stage;
    enum event_type type;
    uint32_t user; /* number of the user within its source */
    int64_t timestamp_usec;
    bool revenue;
    int64_t amount_cents;
};

/* Appends one event's JSON, without line feed. -ENOMEM, or -ENOBUFS past the cap of *out. */
int generator_next(struct generator *g, struct strbuf *out, struct generated *ret) MUST_CHECK;

/* Ways in which real publishers get an event wrong. Each is refused by every validation. */
enum corruption {
    CORRUPT_NO_EVENT_ID,
    CORRUPT_TIMESTAMP_TEXT,   /* "invalid-timestamp" */
    CORRUPT_EVENT_TYPE_ARRAY, /* ["ad.view"] */
    CORRUPT_NO_USER,
    CORRUPT_NUMBER_TEXT, /* age or followers "not-a-number" */
    CORRUPT_SOURCE,      /* none that we know */
    CORRUPT_STAGE_NULL,
    CORRUPT_EVENT_TYPE_UNKNOWN,
    CORRUPT_COUNT
};

/* Appends one corrupt event; the kinds take turns at random. Errors as generator_next(). */
int generator_corrupt(struct generator *g, struct strbuf *out) MUST_CHECK;
