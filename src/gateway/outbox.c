#include "gateway/outbox.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"

/* How long a worker sleeps at most before it looks whether its request was cancelled. */
#define WAIT_STEP_USEC (20 * USEC_PER_MSEC)

static void init_slots(struct outbox *ob)
{
    ob->free = NULL;
    for (size_t i = OUTBOX_MESSAGES_MAX; i-- > 0;) {
        ob->slots[i].next = ob->free;
        ob->free = &ob->slots[i];
    }
}

static int init_lanes(struct outbox *ob)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        int r = batch_writer_init(&ob->own[lane].writer);

        if (r == 0)
            r = batch_writer_init(&ob->shared[lane].writer);
        if (r < 0)
            return r;
        (void)snprintf(ob->subjects[lane], sizeof(ob->subjects[lane]), BUS_EVENTS_PREFIX "%s.%s",
                       event_source_names[lane_source(lane)], event_stage_names[lane_stage(lane)]);
    }
    return 0;
}

static int connect_bus(struct outbox *ob, struct strbuf *err)
{
    struct bus_options bus = { .url = ob->options.url,
                               .name = ob->options.name,
                               .log = ob->options.log,
                               .connect_timeout_usec = 2 * USEC_PER_SEC };
    /* The outbox counts by itself; the publisher's limits stand behind as a second fence, and leave
     * room for what one more message may hold. */
    struct bus_publisher_options publisher = { .max_pending = OUTBOX_MESSAGES_MAX,
                                               .max_pending_bytes =
                                                   OUTBOX_BYTES_MAX + 2 * DEAD_LETTER_BYTES_MAX,
                                               .ack_timeout_usec = ob->options.ack_timeout_usec };
    int r = bus_open(&bus, &ob->bus, err);

    return r < 0 ? r : bus_publisher_new(ob->bus, &publisher, &ob->publisher, err);
}

int outbox_init(struct outbox *ob, const struct outbox_options *options, struct strbuf *err)
{
    int r;

    ob->options = *options;
    atomic_init(&ob->inflight, 0);
    atomic_init(&ob->inflight_bytes, 0);
    ob->slots = calloc(OUTBOX_MESSAGES_MAX, sizeof(*ob->slots));
    r = ob->slots ? init_lanes(ob) : -ENOMEM;
    if (r < 0) {
        strbuf_setf(err, "out of memory");
        return r;
    }
    init_slots(ob);
    return connect_bus(ob, err);
}

void outbox_release(struct outbox *ob)
{
    ob->publisher = bus_publisher_free(ob->publisher);
    ob->bus = bus_close(ob->bus);
    for (int lane = 0; ob->slots && lane < LANE_COUNT; lane++) {
        batch_writer_release(&ob->own[lane].writer);
        batch_writer_release(&ob->shared[lane].writer);
    }
    free(ob->slots);
    ob->slots = NULL;
}

int outbox_fd(const struct outbox *ob)
{
    return bus_publisher_fd(ob->publisher);
}

bool outbox_has_room(const struct outbox *ob, size_t messages, size_t bytes)
{
    return atomic_load_explicit(&ob->inflight, memory_order_relaxed) + messages <=
               OUTBOX_MESSAGES_MAX &&
           atomic_load_explicit(&ob->inflight_bytes, memory_order_relaxed) + bytes <=
               OUTBOX_BYTES_MAX;
}

/* The owner is the only writer: a plain load and store keeps the locked instruction out of the
 * path. */
static void count_inflight(struct outbox *ob, int messages, int64_t bytes)
{
    uint32_t n = atomic_load_explicit(&ob->inflight, memory_order_relaxed);
    uint64_t b = atomic_load_explicit(&ob->inflight_bytes, memory_order_relaxed);

    atomic_store_explicit(&ob->inflight, n + (uint32_t)messages, memory_order_relaxed);
    atomic_store_explicit(&ob->inflight_bytes, b + (uint64_t)bytes, memory_order_relaxed);
}

/* ---- outcomes ---- */

static void settle_waiters(struct outbox *ob, struct pending *waiters, enum failure failure,
                           uint32_t duplicates)
{
    struct pending *next;

    for (struct pending *p = waiters; p; p = next) {
        next = p->next;
        p->next = NULL;
        p->awaited--;
        p->duplicates += duplicates;
        pending_fail(p, failure);
        if (ob->options.done && pending_done(p))
            ob->options.done(p);
    }
}

static void count_outcome(struct outbox *ob, const struct outgoing *out, enum failure failure,
                          bool duplicate)
{
    struct gateway_metrics *gm = ob->options.metrics;

    if (failure != FAILURE_NONE) {
        if (out->events)
            gateway_metrics_lane_failed(gm, out->lane, failure, out->events);
        return;
    }
    if (!out->events) {
        metric_add(gm->dead_letters[out->stream == STREAM_UNREADABLE], 1);
        return;
    }
    metric_add(gm->processed[out->lane], out->events);
    if (duplicate)
        metric_add(gm->duplicates[out->lane], out->events);
}

static void settle(struct outbox *ob, const struct bus_result *result, uint64_t now_usec)
{
    struct outgoing *out = result->token;
    enum failure failure = failure_of_result(result);
    bool duplicate = result->outcome == BUS_DUPLICATE;
    struct pending *waiters = out->waiters;
    uint32_t duplicates = duplicate ? out->events : 0;

    metric_observe(ob->options.metrics->ack_seconds, (double)(now_usec - out->sent_usec) / 1e6);
    count_outcome(ob, out, failure, duplicate);
    if (failure != FAILURE_NONE)
        streams_report(ob->options.streams, out->stream, failure, result->error);
    count_inflight(ob, -1, -(int64_t)out->bytes);
    out->next = ob->free;
    ob->free = out;
    settle_waiters(ob, waiters, failure, duplicates);
}

void outbox_collect(struct outbox *ob)
{
    uint64_t now = clock_mono_usec();
    struct bus_result result;

    while (bus_publisher_next(ob->publisher, &result))
        settle(ob, &result, now);
}

void outbox_wait(struct outbox *ob, uint64_t usec)
{
    struct pollfd fd = { .fd = outbox_fd(ob), .events = POLLIN };

    (void)poll(&fd, 1, (int)(usec / USEC_PER_MSEC));
    outbox_collect(ob);
}

/* ---- sending ---- */

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
    count_inflight(ob, 1, (int64_t)out->bytes);
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
    struct outgoing facts = { .waiters = TAKE_PTR(m->waiters),
                              .events = m->writer.events,
                              .lane = lane,
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
        settle_waiters(ob, facts.waiters, failure, 0);
    }
    batch_writer_reset(&m->writer);
    return failure;
}

/* ---- shared messages ---- */

static void drop_lane(struct outbox *ob, struct outbox_message *m, int lane, enum failure failure)
{
    gateway_metrics_lane_failed(ob->options.metrics, lane, failure, m->writer.events);
    settle_waiters(ob, TAKE_PTR(m->waiters), failure, 0);
    batch_writer_reset(&m->writer);
}

/* False when it has to stay open for want of room. */
static bool flush_lane(struct outbox *ob, struct outbox_message *m, int lane)
{
    enum failure closed =
        streams_check(ob->options.streams, STREAM_BIT(lane_source(lane)), m->writer.payload.len);

    if (closed != FAILURE_NONE) {
        drop_lane(ob, m, lane, closed);
        return true;
    }
    if (!outbox_has_room(ob, 1, m->writer.payload.len))
        return false;
    (void)publish_lane(ob, m, lane);
    return true;
}

void outbox_flush_shared(struct outbox *ob)
{
    for (int lane = 0; lane < LANE_COUNT; lane++)
        if (ob->shared[lane].writer.events)
            (void)flush_lane(ob, &ob->shared[lane], lane);
}

static enum failure write_run(struct batch_writer *w, const struct pending *p, struct span raw)
{
    int r = batch_writer_run(w, p->input.correlation_id, p->input.received_usec);

    if (r == 0)
        r = batch_writer_event(w, raw);
    return r < 0 ? failure_of_errno(r) : FAILURE_NONE;
}

enum failure outbox_add_shared(struct outbox *ob, struct pending *p, int lane, struct span raw)
{
    struct outbox_message *m = &ob->shared[lane];
    enum failure failure;

    if (m->writer.events && !batch_writer_fits(&m->writer, raw.len) && !flush_lane(ob, m, lane))
        return FAILURE_OVERLOADED;
    failure = write_run(&m->writer, p, raw);
    if (failure != FAILURE_NONE) {
        /* The run may stand half in the message: it cannot be sent. */
        drop_lane(ob, m, lane, failure);
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
    return publish_lane(ob, m, lane);
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
    if (w->events == 0)
        return write_run(w, p, raw);
    r = batch_writer_event(w, raw);
    return r < 0 ? failure_of_errno(r) : FAILURE_NONE;
}

void outbox_flush_own(struct outbox *ob, struct pending *p)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        if (p->failure == FAILURE_NONE && ob->own[lane].writer.events)
            pending_fail(p, send_own(ob, p, lane));
        if (p->failure != FAILURE_NONE)
            drop_lane(ob, &ob->own[lane], lane, p->failure);
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
