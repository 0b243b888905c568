/* What leaves the outbox: shared messages, a request's own, dead letters. */
#include <stdio.h>

#include "base/clock.h"
#include "gateway/outbox.h"
#include "gateway/outbox_private.h"

/* How long a worker sleeps at most before it looks whether its request was cancelled. */
#define WAIT_STEP_USEC (20 * USEC_PER_MSEC)

static enum failure wait_for_room(struct outbox *ob, const struct pending *p, size_t bytes)
{
    while (!outbox_has_room(ob, 1, bytes)) {
        if (!ob->options.waits)
            return FAILURE_OVERLOADED;
        if (atomic_load(&p->cancelled))
            return FAILURE_CANCELLED;
        if (p->failure != FAILURE_NONE)
            return p->failure;
        outbox_wait(ob, WAIT_STEP_USEC);
    }
    return FAILURE_NONE;
}

/* facts: of the message, copied. The caller has made sure of room. */
static enum failure publish(struct outbox *ob, const struct bus_message *message,
                            const struct outgoing *facts)
{
    struct outgoing *out = ob->free;
    struct outgoing *next;
    int r;

    if (!out)
        return FAILURE_OVERLOADED;
    next = out->next;
    *out = *facts;
    out->bytes = message->payload.len;
    out->sent_usec = clock_mono_usec();
    r = bus_publish(ob->publisher, message, out);
    if (r < 0) {
        out->next = next;
        return failure_of_errno(r);
    }
    ob->free = next;
    outbox_count_inflight(ob, 1, (int64_t)out->bytes);
    return FAILURE_NONE;
}

/* Closes a lane's message and publishes it. Its waiters are taken off it in any case. */
static enum failure publish_lane(struct outbox *ob, struct outbox_message *m, int lane)
{
    char digest[BATCH_DIGEST_BYTES], count[12];
    struct bus_header headers[] = { { "Event-Count", { count, 0 } },
                                    { "Content-Type", SPAN("application/x-ndjson") } };
    struct bus_message message = { .subject = ob->subjects[lane],
                                   .msg_id = digest,
                                   .headers = headers,
                                   .header_count = ARRAY_SIZE(headers) };
    struct pending *waiters = TAKE_PTR(m->waiters);
    struct outgoing facts = { .waiters = waiters,
                              .events = m->writer.events,
                              .lane = lane,
                              .shared = m == &ob->shared[lane],
                              .stream = (int)lane_source(lane) };
    enum failure failure;
    int r = batch_writer_finish(&m->writer, &message.payload, digest);

    if (r < 0) {
        failure = failure_of_errno(r);
    } else {
        headers[0].value.len = (size_t)snprintf(count, sizeof(count), "%u", facts.events);
        failure = publish(ob, &message, &facts);
    }
    if (failure == FAILURE_NONE) {
        metric_observe(ob->options.metrics->batch_events, facts.events);
        metric_observe(ob->options.metrics->batch_bytes, (double)message.payload.len);
    } else {
        gateway_metrics_lane_failed(ob->options.metrics, lane, failure, facts.events);
        outbox_settle(ob, waiters, failure, 0);
    }
    batch_writer_reset(&m->writer);
    return failure;
}

/* ---- shared messages ---- */

void outbox_drop(struct outbox *ob, struct outbox_message *m, int lane, enum failure failure)
{
    gateway_metrics_lane_failed(ob->options.metrics, lane, failure, m->writer.events);
    outbox_settle(ob, TAKE_PTR(m->waiters), failure, 0);
    batch_writer_reset(&m->writer);
}

/* False when it has to stay open for want of room. */
static bool flush_lane(struct outbox *ob, struct outbox_message *m, int lane)
{
    enum failure closed =
        streams_check(ob->options.streams, STREAM_BIT(lane_source(lane)), m->writer.payload.len);

    if (closed != FAILURE_NONE) {
        outbox_drop(ob, m, lane, closed);
        return true;
    }
    if (!outbox_has_room(ob, 1, m->writer.payload.len))
        return false;
    if (publish_lane(ob, m, lane) == FAILURE_NONE) {
        m->unconfirmed++;
        m->sent_usec = clock_mono_usec();
    }
    return true;
}

/* Whether the lane's message stays open until the one before it is confirmed. */
static bool gathers(const struct outbox *ob, const struct outbox_message *m)
{
    return m->unconfirmed && bus_publisher_connected(ob->publisher) &&
           clock_mono_usec() - m->sent_usec < GATHER_USEC_MAX;
}

void outbox_flush_shared(struct outbox *ob)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        struct outbox_message *m = &ob->shared[lane];

        if (m->writer.events && !gathers(ob, m))
            (void)flush_lane(ob, m, lane);
    }
}

/* single: all of its request. Whatever fails does so before the event counts as one of the message.
 */
static int write_run(struct batch_writer *w, const struct pending *p, struct span raw, bool single)
{
    int r = batch_writer_run(w, p->input.correlation_id, p->input.received_usec);

    if (r == 0 && single)
        r = batch_writer_totals(w, /* accepted= */ 1, /* rejected= */ 0);
    return r == 0 ? batch_writer_event(w, raw) : r;
}

enum failure outbox_add_shared(struct outbox *ob, struct pending *p, int lane, struct span raw)
{
    struct outbox_message *m = &ob->shared[lane];
    int r;

    if (m->writer.events && !batch_writer_fits(&m->writer, raw.len) && !flush_lane(ob, m, lane))
        return FAILURE_OVERLOADED;
    if (m->writer.events == 0)
        m->opened_usec = clock_mono_usec();
    r = write_run(&m->writer, p, raw, /* single= */ true);
    if (r < 0) {
        enum failure failure = failure_of_errno(r);

        /* The run may stand half in the message: it cannot be sent. */
        outbox_drop(ob, m, lane, failure);
        return failure;
    }
    p->next = m->waiters;
    m->waiters = p;
    p->awaited++;
    return FAILURE_NONE;
}

/* ---- a request's own messages ---- */

static enum failure send_own(struct outbox *ob, struct pending *p, int lane)
{
    struct outbox_message *m = &ob->own[lane];
    enum failure failure = wait_for_room(ob, p, m->writer.payload.len);

    if (failure != FAILURE_NONE)
        return failure;
    p->awaited++;
    m->waiters = p;
    failure = publish_lane(ob, m, lane);
    if (ob->options.waits)
        outbox_collect(ob); /* others wait for their acks while this one is taken in */
    return failure;
}

enum failure outbox_add_own(struct outbox *ob, struct pending *p, int lane, struct span raw)
{
    struct batch_writer *w = &ob->own[lane].writer;
    int r;

    if (w->events && !batch_writer_fits(w, raw.len)) {
        enum failure failure = send_own(ob, p, lane);

        if (failure != FAILURE_NONE)
            return failure;
    }
    r = w->events == 0 ? write_run(w, p, raw, /* single= */ false) : batch_writer_event(w, raw);
    return r < 0 ? failure_of_errno(r) : FAILURE_NONE;
}

/* The request is read to its end: these messages say how many events it had. */
static enum failure send_last_own(struct outbox *ob, struct pending *p, int lane)
{
    int r = batch_writer_totals(&ob->own[lane].writer, p->accepted, p->rejected);

    return r < 0 ? failure_of_errno(r) : send_own(ob, p, lane);
}

void outbox_flush_own(struct outbox *ob, struct pending *p)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        if (p->failure == FAILURE_NONE && ob->own[lane].writer.events)
            pending_fail(p, send_last_own(ob, p, lane));
        if (p->failure != FAILURE_NONE)
            outbox_drop(ob, &ob->own[lane], lane, p->failure);
    }
}

/* ---- dead letters ---- */

enum failure outbox_dead_letter(struct outbox *ob, struct pending *p,
                                const struct dead_letter *letter)
{
    struct outgoing facts = { .waiters = p,
                              .stream = letter->unreadable ? STREAM_UNREADABLE : STREAM_DLQ };
    struct dead_letter_message message;
    enum failure failure;

    dead_letter_message_of(letter, &message);
    failure = wait_for_room(ob, p, message.message.payload.len);
    if (failure == FAILURE_NONE)
        failure = publish(ob, &message.message, &facts);
    if (failure == FAILURE_NONE)
        p->awaited++;
    return failure;
}
