/*
 * From the bytes of a request to what is sent for it: inflate, split, decode each event by itself,
 * hand the valid ones to the outbox and the others to the dead letters. One intake a thread. A
 * loop's takes what is small; the rest it leaves to a worker's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "event/decode.h"
#include "gateway/gateway_metrics.h"
#include "gateway/inflate.h"
#include "gateway/outbox.h"
#include "gateway/pending.h"
#include "gateway/streams.h"
#include "service/settings.h"

/* What a loop takes by itself: larger bodies and longer lists, for which it needs more than half a
 * millisecond, would make its other requests wait. */
#define LOOP_BODY_MAX ((size_t)128 << 10)
#define LOOP_EVENTS_MAX 512

struct intake {
    struct event_decoder *decoder;
    struct inflater inflater;
    struct strbuf inflated;
    struct outbox *outbox; /* borrowed, of the same thread */
    struct streams *streams;
    struct gateway_metrics *metrics;
    size_t body_max;
    size_t events_max;
    bool on_loop;
};

/* intake_release() in every case; a zeroed struct is fine for that. */
int intake_init(struct intake *in, const struct settings *settings, struct outbox *outbox,
                bool on_loop) MUST_CHECK;
void intake_release(struct intake *in);

enum intake_result {
    INTAKE_SEALED,  /* everything was handed over; what the pending awaits decides the answer */
    INTAKE_TOO_BIG, /* for a loop: nothing was done, a worker has to take it */
};

/* Takes p->input in. Body and inflated bytes are not needed afterwards. A worker's may block on
 * acks. */
enum intake_result intake_take(struct intake *in, struct pending *p);
