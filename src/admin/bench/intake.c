/*
 * Intake: how fast the gateway takes events and has them stored by JetStream, with no collectors
 * beside it. Single events by wrk over 64 connections; requests of 1,000 and of 50,000 by our own
 * client; then the latency of an ack when half that many single events come in.
 */
#include <errno.h>

#include "admin/bench/bench.h"
#include "admin/bench/client.h"
#include "admin/bench/stack_ctl.h"
#include "admin/bench/wrk.h"
#include "base/clock.h"
#include "base/usage.h"

struct bulk {
    struct bench *bench;
    uint32_t events;
    uint64_t started;
};

static int bulk_body(void *ctx, struct strbuf *out)
{
    struct bulk *bulk = ctx;

    return bench_events_array(bulk->bench->events, bulk->events, /* bulk= */ true, out);
}

static int single_body(void *ctx, struct strbuf *out)
{
    struct bulk *bulk = ctx;

    return bench_events_one(bulk->bench->events, out);
}

static void bulk_tick(void *ctx)
{
    struct bulk *bulk = ctx;
    double done = (double)(clock_mono_usec() - bulk->started) / 1e6 / (double)bulk->bench->seconds;

    bench_progress(bulk->bench, done, "intake, %u events a request", bulk->events);
}

static int run_client(struct bench *b, const struct stack *stack, struct bulk *bulk,
                      const char *path, uint32_t connections, double rate,
                      struct client_result *result, struct strbuf *err)
{
    struct client_options options = {
        .port = stack_port(stack, "gateway"),
        .path = path,
        .connections = connections,
        .rate = rate,
        .duration_usec = b->seconds * (uint64_t)USEC_PER_SEC,
        .events_per_request = bulk->events,
        .body = bulk->events == 1 ? single_body : bulk_body,
        .tick = bulk_tick,
        .ctx = bulk,
    };
    int r;

    bulk->started = clock_mono_usec();
    r = client_run(&options, result, err);
    if (r == 0 && result->failed) {
        strbuf_setf(err, "%lu of %lu requests to %s were not answered 200", result->failed,
                    result->failed + result->ok, path);
        return -EIO;
    }
    return r;
}

static int measure_bulk(struct bench *b, const struct stack *stack, uint32_t events,
                        uint32_t connections, struct strbuf *err)
{
    struct bulk bulk = { .bench = b, .events = events };
    struct client_result result;
    int r = run_client(b, stack, &bulk, "/webhook/events/bulk", connections, 0, &result, err);

    if (r < 0)
        return r;
    figures_set(&b->figures, "events/s", (double)result.events / ((double)result.took_usec / 1e6),
                "intake.bulk_%u", events);
    figures_set(&b->figures, "ms", (double)histogram_percentile(&result.latency, 0.99) / 1000,
                "intake.bulk_%u_p99", events);
    return 0;
}

static int measure_single(struct bench *b, const struct stack *stack, struct strbuf *err)
{
    struct wrk_result result;
    int r;

    bench_progress(b, 0, "intake, single events");
    r = wrk_run(b, stack_port(stack, "gateway"), "/webhook/events", b->seconds, &result, err);
    if (r == -ENOENT) {
        bench_note(b, "wrk is not installed: no figure for single events");
        return 0;
    }
    if (r < 0)
        return r;
    if (result.errors) {
        strbuf_setf(err, "%llu single events were not answered 200",
                    (unsigned long long)result.errors);
        return -EIO;
    }
    figures_set(&b->figures, "events/s", result.requests_per_second, "intake.single");
    figures_set(&b->figures, "ms", result.p99_msec, "intake.single_p99");
    return 0;
}

static int measure_ack(struct bench *b, const struct stack *stack, struct strbuf *err)
{
    double rate = figures_get(&b->figures, "intake.single") / 2;
    struct bulk bulk = { .bench = b, .events = 1 };
    struct client_result result;
    int r;

    if (!(rate > 0))
        return 0;
    r = run_client(b, stack, &bulk, "/webhook/events", 64, rate, &result, err);
    if (r < 0)
        return r;
    figures_set(&b->figures, "ms", (double)histogram_percentile(&result.latency, 0.5) / 1000,
                "ack.p50");
    figures_set(&b->figures, "ms", (double)histogram_percentile(&result.latency, 0.99) / 1000,
                "ack.p99");
    return 0;
}

static int measure_memory(struct bench *b, const struct stack *stack, struct strbuf *err)
{
    const struct stack_process *gateway = stack_find(stack, "gateway");
    struct usage usage;
    int r = gateway ? usage_of(gateway->pid, /* with_children= */ false, &usage) : -ESRCH;

    if (r < 0) {
        strbuf_setf(err, "the gateway is gone");
        return r;
    }
    figures_set(&b->figures, "MiB", (double)usage.peak_bytes / (1 << 20), "memory.gateway_bulk");
    return 0;
}

int bench_intake(struct bench *b, struct strbuf *err)
{
    struct stack stack;
    int r = stack_start(b, &stack, "intake", "fb-collector=0,ttk-collector=0,reporter=0", err);

    if (r < 0)
        return r;
    r = measure_single(b, &stack, err);
    if (r == 0)
        r = measure_ack(b, &stack, err);
    if (r == 0)
        r = measure_bulk(b, &stack, 1000, 8, err);
    if (r == 0)
        r = measure_bulk(b, &stack, 50000, 4, err);
    if (r == 0)
        r = measure_memory(b, &stack, err);
    stack_stop(b, &stack);
    return r;
}
