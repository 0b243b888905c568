/* The floor of the bus: prepared messages of 256 KiB published to a stream of the stack's own
 * server, 64 in flight, nothing else running. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "admin/bench/bench.h"
#include "admin/bench/stack_ctl.h"
#include "base/clock.h"
#include "bus/bus.h"
#include "bus/publisher.h"

#define MESSAGE_BYTES ((size_t)256 * 1024)
#define IN_FLIGHT 64
#define STREAM "SLUICE_BENCH"

struct publishing {
    struct bench *bench;
    struct bus_publisher *publisher;
    struct span payload;
    uint32_t events; /* in the payload */
    uint64_t stored, refused;
};

static int take_acks(struct publishing *p)
{
    struct bus_result result;

    while (bus_publisher_next(p->publisher, &result)) {
        if (result.outcome == BUS_STORED)
            p->stored++;
        else
            p->refused++;
    }
    return p->refused ? -EIO : 0;
}

static int publish_until(struct publishing *p, uint64_t stop_at)
{
    struct bus_message message = { .subject = "bench.events", .payload = p->payload };
    struct pollfd fd = { .fd = bus_publisher_fd(p->publisher), .events = POLLIN };
    int r = 0;

    while (r == 0 && (clock_mono_usec() < stop_at || bus_publisher_pending(p->publisher))) {
        while (clock_mono_usec() < stop_at && bus_publisher_pending(p->publisher) < IN_FLIGHT) {
            r = bus_publish(p->publisher, &message, NULL);
            if (r < 0)
                return r;
        }
        (void)poll(&fd, 1, 100);
        r = take_acks(p);
    }
    return r;
}

static int measure(struct bench *b, const struct bus_options *bus, struct strbuf *err)
{
    struct bus_publisher_options options = { .max_pending = IN_FLIGHT,
                                             .max_pending_bytes = IN_FLIGHT * MESSAGE_BYTES,
                                             .ack_timeout_usec = 10 * USEC_PER_SEC };
    _cleanup_(bus_publisher_freep) struct bus_publisher *publisher = NULL;
    _cleanup_strbuf_ struct strbuf payload;
    struct publishing p = { .bench = b };
    uint64_t started;
    int r;

    strbuf_init(&payload, MESSAGE_BYTES + 4096);
    while (payload.len < MESSAGE_BYTES - 1024) {
        r = bench_events_one(b->events, &payload);
        if (r < 0 || strbuf_addc(&payload, '\n') < 0)
            return -ENOMEM;
        p.events++;
    }
    r = bus_publisher_new(bus, &options, &publisher, err);
    if (r < 0)
        return r;
    p.publisher = publisher;
    p.payload = strbuf_span(&payload);
    started = clock_mono_usec();
    r = publish_until(&p, started + b->seconds * (uint64_t)USEC_PER_SEC);
    if (r < 0) {
        strbuf_setf(err, "publishing to JetStream failed: %s", strerror(-r));
        return r;
    }
    figures_set(&b->figures, "events/s",
                (double)(p.stored * p.events) / ((double)(clock_mono_usec() - started) / 1e6),
                "floor.jetstream");
    return 0;
}

static int with_stream(struct bench *b, const char *url, struct strbuf *err)
{
    struct log log;
    struct bus_options options = {
        .url = url, .name = "sluice bench", .log = &log, .connect_timeout_usec = 5 * USEC_PER_SEC
    };
    struct bus_stream_config config = { .name = STREAM,
                                        .subjects = { "bench.>" },
                                        .discard = BUS_DISCARD_OLD,
                                        .max_bytes = UINT64_C(1) << 30,
                                        .duplicate_window_usec = USEC_PER_SEC,
                                        .replicas = 1 };
    _cleanup_(bus_closep) struct bus *bus = NULL;
    int r;

    log_init(&log, "bench", LOG_ERROR, LOG_TEXT);
    r = bus_open(&options, &bus, err);
    if (r == 0)
        r = bus_stream_ensure(bus, &config, err);
    return r < 0 ? r : measure(b, &options, err);
}

int bench_floor_jetstream(struct bench *b, struct strbuf *err)
{
    struct stack stack;
    int r = stack_start(b, &stack, "jetstream",
                        "gateway=0,fb-collector=0,ttk-collector=0,reporter=0", err);

    if (r < 0)
        return r;
    bench_progress(b, 0, "JetStream");
    r = with_stream(b, stack.nats_url, err);
    stack_stop(b, &stack);
    return r;
}
