/*
 * Random valid events as the ad platforms send them, for the publisher, the load tests and the
 * benchmark. With the same seed the same events come out (timestamps count from `start_usec`). A
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
    uint32_t users;     /* distinct users a source */
    uint32_t campaigns; /* distinct campaigns */
    double duplicates;  /* share of events that repeat an earlier event of this generator, to the
                           byte */
    int source;         /* enum event_source, -1 = both */
    int64_t start_usec; /* timestamp of the first event */
    int64_t span_usec;  /* timestamps are spread over this span behind start (0: step_usec apart) */
    int64_t step_usec;  /* distance of one event to the next when span_usec is 0 */
    const char *id_prefix; /* of event ids; keeps runs apart */
};

struct generator;
struct generator *generator_new(const struct generator_options *options); /* NULL: out of memory */
struct generator *generator_free(struct generator *g);
DEFINE_CLEANUP(struct generator *, generator_free)

/* What the caller needs to know of an event it just got, to check reports against. */
struct generated {
    bool duplicate; /* repeats an earlier one */
    enum event_source source;
    enum event_stage stage;
    enum event_type type;
    int64_t timestamp_usec;
    bool revenue;
    int64_t amount_cents;
};

/* Appends one event's JSON, without line feed. */
int generator_next(struct generator *g, struct strbuf *out, struct generated *ret) MUST_CHECK;

/* Appends one corrupt event; kinds as real publishers send them: eventId missing, timestamp
 * "invalid-timestamp", eventType an array, user missing, followers "not-a-number", unknown source
 * ... */
int generator_corrupt(struct generator *g, struct strbuf *out) MUST_CHECK;
