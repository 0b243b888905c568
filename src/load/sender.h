/*
 * Sends requests full of events until each has a final answer: no answer, 429 and 5xx are tried
 * again with the same body and correlation id, after what Retry-After says or a growing pause, so
 * that nothing is lost; the gateway and the database find what comes twice. Any other answer is
 * final.
 *
 * One thread. At most `connections` requests are open at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "base/uuid.h"

struct sender;

struct sender_request {
    struct strbuf body;
    uint32_t events;  /* in the body */
    uint32_t corrupt; /* of these, meant to be rejected */
    /* private */
    char correlation_id[UUID_TEXT_BYTES];
    uint32_t tries;
    uint64_t due_usec;
    int state;
};

struct sender_counts {
    uint64_t requests;   /* with a final answer */
    uint64_t events;     /* in them */
    uint64_t accepted;   /* events the gateway took, duplicates included */
    uint64_t duplicates; /* of these, those the gateway knew already */
    uint64_t rejected;   /* events the gateway refused one by one */
    uint64_t refused;    /* events in requests that were refused as a whole */
    uint64_t surprises;  /* requests whose answer is not what their events deserve */
    uint64_t retries;
};

struct sender_options {
    const char *url; /* of the gateway's webhook */
    uint32_t connections;
    uint64_t timeout_usec; /* of one try */
    uint64_t body_max_bytes;
    /* Each answered try: how long it took. May be NULL. */
    void (*answered)(void *ctx, uint64_t took_usec);
    void *ctx;
};

/* Errors as http_load_new(). */
int sender_new(const struct sender_options *options, struct sender **ret,
               struct strbuf *err) MUST_CHECK;
/* Requests without an answer are given up. */
struct sender *sender_free(struct sender *s);
DEFINE_CLEANUP(struct sender *, sender_free)

/* A request to fill (body, events, corrupt) and hand to sender_send(); NULL when all are open. */
struct sender_request *sender_take(struct sender *s);
/* Starts it. <0: it could not even be tried (-ENOMEM). */
int sender_send(struct sender *s, struct sender_request *request) MUST_CHECK;
/* Moves data, counts answers, tries again what is due; waits at most `timeout`. */
int sender_poll(struct sender *s, uint64_t timeout_usec) MUST_CHECK;

uint32_t sender_open(const struct sender *s);        /* requests without a final answer */
uint64_t sender_open_events(const struct sender *s); /* events in them */
const struct sender_counts *sender_counts_of(const struct sender *s);
/* Why the last try failed or surprised, for a person; "" when none did. */
const char *sender_trouble(const struct sender *s);
