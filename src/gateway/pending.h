/*
 * One request on its way: what was sent for it and not yet confirmed, what became of its events,
 * and what it will be answered. It outlives the connection: an aborted request's messages still
 * come back, and find a struct pending without a request.
 *
 * It belongs to the loop of its connection; while a worker has it (gateway/worker.h), the worker
 * alone touches it, but for `req`, `with_worker` (the loop's) and `cancelled` (both).
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "event/batch.h"
#include "event/decode.h"
#include "event/split.h"
#include "gateway/failure.h"
#include "service/http.h"

/* An answer that says what is wrong with the request itself. Constant. */
struct refusal {
    unsigned status;
    const char *code;
};

#define PENDING_ERRORS_MAX 100
#define PENDING_MESSAGE_MAX 192

struct pending_input {
    struct span body; /* borrowed from the request, or from pending.body */
    struct span correlation_id;
    int64_t received_usec;
    enum split_form form;
    bool gzip;
};

struct gateway_loop;

struct pending {
    struct pending *next;     /* in a list: free ones, those a message carries, a worker's queue */
    struct http_request *req; /* NULL when nobody waits for the answer any more */
    struct gateway_loop *owner; /* whose stock it is of */
    struct http_loop *loop;     /* its thread, for a worker that hands it back */
    struct pending_input input;

    uint32_t awaited; /* messages without an outcome */
    bool sealed;      /* no more will be sent for it */

    enum split_shape shape;
    uint32_t accepted; /* valid events handed to the outbox */
    uint32_t rejected;
    uint32_t duplicates;
    enum failure failure;
    const struct refusal *refusal;
    char message[PENDING_MESSAGE_MAX]; /* of the refusal, or of the first rejected event */
    struct strbuf errors; /* members of the JSON array `errors`, rendered as they come up */
    uint32_t error_count;

    bool with_worker;
    atomic_bool cancelled;
    struct http_body body;                   /* taken for a worker, which releases it */
    struct http_post post;                   /* the worker hands it back with this */
    char correlation[BATCH_CORRELATION_MAX]; /* what input.correlation_id points to with a worker */
};

/* Forgets what it held. */
void pending_reset(struct pending *p);

/* A failure that ranks lower than one already known changes nothing. */
void pending_fail(struct pending *p, enum failure failure);

/* The request is wrong as a whole. */
void pending_refuse(struct pending *p, const struct refusal *refusal, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Counts a rejected event and describes it, if it is among the first PENDING_ERRORS_MAX and there
 * is memory for it. */
void pending_reject(struct pending *p, uint32_t index, const struct event_fault *fault);

static inline bool pending_done(const struct pending *p)
{
    return p->sealed && p->awaited == 0;
}

/* ---- a loop's stock of them: no allocation once it has grown to the load ---- */

struct pending_block;

struct pending_pool {
    struct pending *free;
    struct pending_block *blocks;
};

/* NULL when out of memory. */
struct pending *pending_get(struct pending_pool *pool);
void pending_put(struct pending_pool *pool, struct pending *p);
/* All of them, those in use as well. */
void pending_pool_release(struct pending_pool *pool);
