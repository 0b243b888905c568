/* Life, limits and outcomes; what is sent is in outbox_send.c. */
#include "gateway/outbox.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "gateway/outbox_private.h"

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
                               .given_up = ob->options.given_up,
                               .ctx = ob->options.ctx,
                               .connect_timeout_usec = 2 * USEC_PER_SEC };
    /* The outbox counts by itself; the publisher's limits stand behind as a second fence, and leave
     * room for what one more message may hold. */
    struct bus_publisher_options publisher = { .max_pending = OUTBOX_MESSAGES_MAX,
                                               .max_pending_bytes =
                                                   OUTBOX_BYTES_MAX + 2 * DEAD_LETTER_BYTES_MAX,
                                               .ack_timeout_usec = ob->options.ack_timeout_usec };

    return bus_publisher_new(&bus, &publisher, &ob->publisher, err);
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
void outbox_count_inflight(struct outbox *ob, int messages, int64_t bytes)
{
    uint32_t n = atomic_load_explicit(&ob->inflight, memory_order_relaxed);
    uint64_t b = atomic_load_explicit(&ob->inflight_bytes, memory_order_relaxed);

    atomic_store_explicit(&ob->inflight, n + (uint32_t)messages, memory_order_relaxed);
    atomic_store_explicit(&ob->inflight_bytes, b + (uint64_t)bytes, memory_order_relaxed);
}

/* ---- outcomes ---- */

void outbox_settle(struct outbox *ob, struct pending *waiters, enum failure failure,
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

/* What gathered longer than it should has heard of no other request since, and waited behind the
 * message that is given up now: it shares its fate, rather than begin a timeout of its own. */
static void confirm_shared(struct outbox *ob, int lane, enum failure failure, uint64_t now_usec)
{
    struct outbox_message *m = &ob->shared[lane];

    m->unconfirmed--;
    if (failure == FAILURE_ACK_TIMEOUT && m->writer.events &&
        now_usec >= m->opened_usec + GATHER_USEC_MAX)
        outbox_drop(ob, m, lane, failure);
}

static void settle(struct outbox *ob, const struct bus_result *result, uint64_t now_usec)
{
    struct outgoing *out = result->token;
    enum failure failure = failure_of_result(result);
    bool duplicate = result->outcome == BUS_DUPLICATE;
    struct pending *waiters = out->waiters;
    uint32_t duplicates = duplicate ? out->events : 0;
    bool shared = out->shared;
    int lane = out->lane;

    metric_observe(ob->options.metrics->ack_seconds, (double)(now_usec - out->sent_usec) / 1e6);
    count_outcome(ob, out, failure, duplicate);
    if (failure != FAILURE_NONE)
        streams_report(ob->options.streams, out->stream, failure, result->error);
    outbox_count_inflight(ob, -1, -(int64_t)out->bytes);
    out->next = ob->free;
    ob->free = out;
    outbox_settle(ob, waiters, failure, duplicates);
    if (shared)
        confirm_shared(ob, lane, failure, now_usec);
}

void outbox_collect(struct outbox *ob)
{
    uint64_t now = clock_mono_usec();
    struct bus_result result;

    while (bus_publisher_next(ob->publisher, &result))
        settle(ob, &result, now);
    /* What gathered behind a message that is confirmed now need not wait for the end of the turn:
     * the server works on it while the answers go out. */
    outbox_flush_shared(ob);
}

void outbox_wait(struct outbox *ob, uint64_t usec)
{
    struct pollfd fd = { .fd = outbox_fd(ob), .events = POLLIN };

    (void)poll(&fd, 1, (int)(usec / USEC_PER_MSEC));
    outbox_collect(ob);
}
