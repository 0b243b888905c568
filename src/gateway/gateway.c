/* The role: what starts, in which order, and what every thread owns. Requests are in request.c. */
#include "gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "gateway/answer.h"
#include "gateway/minute.h"
#include "gateway/request.h"
#include "gateway/state.h"
#include "service/service.h"

/* Two at least: a long list must not hold up all the others. */
#define WORKERS_MIN 2
#define START_PATIENCE_USEC UINT64_C(3000000)

static void on_turn(void *ctx)
{
    struct gateway_loop *loop = ctx;

    outbox_flush_shared(&loop->outbox);
}

static void on_outcomes(void *ctx)
{
    struct gateway_loop *loop = ctx;

    outbox_collect(&loop->outbox);
}

static int start_loop(struct gateway_loop *loop, struct gateway *gw, size_t index,
                      const struct outbox_options *options, struct strbuf *err)
{
    const struct settings *settings = &gw->service->settings;
    int r;

    loop->gateway = gw;
    loop->http = http_server_loop(gw->service->http, index);
    strbuf_init(&loop->answer, ANSWER_BYTES_MAX);
    r = outbox_init(&loop->outbox, options, err);
    if (r < 0)
        return r;
    r = intake_init(&loop->intake, settings, &loop->outbox, /* on_loop= */ true);
    if (r == 0)
        r = http_loop_watch(loop->http, outbox_fd(&loop->outbox), on_outcomes, loop);
    if (r < 0) {
        strbuf_setf(err, "out of memory");
        return r;
    }
    http_loop_on_turn(loop->http, on_turn, loop);
    return 0;
}

static int start_loops(struct gateway *gw, const struct outbox_options *options, struct strbuf *err)
{
    size_t count = http_server_loop_count(gw->service->http);
    int r = 0;

    gw->loops = calloc(count, sizeof(*gw->loops));
    if (!gw->loops) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    gw->loop_count = count;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = start_loop(&gw->loops[i], gw, i, options, err);
    return r;
}

/* ---- gauges ---- */

static double read_inflight(void *ctx)
{
    struct gateway *gw = ctx;
    uint64_t sum = 0;

    for (size_t i = 0; i < gw->loop_count; i++)
        sum += atomic_load_explicit(&gw->loops[i].outbox.inflight, memory_order_relaxed);
    for (size_t i = 0; i < gw->workers.count; i++)
        sum += atomic_load_explicit(&gw->workers.items[i].outbox.inflight, memory_order_relaxed);
    return (double)sum;
}

static double read_inflight_bytes(void *ctx)
{
    struct gateway *gw = ctx;
    uint64_t sum = 0;

    for (size_t i = 0; i < gw->loop_count; i++)
        sum += atomic_load_explicit(&gw->loops[i].outbox.inflight_bytes, memory_order_relaxed);
    for (size_t i = 0; i < gw->workers.count; i++)
        sum +=
            atomic_load_explicit(&gw->workers.items[i].outbox.inflight_bytes, memory_order_relaxed);
    return (double)sum;
}

static double read_worker_queue(void *ctx)
{
    struct gateway *gw = ctx;

    return (double)workers_depth(&gw->workers);
}

static double read_stream_open(void *ctx)
{
    const struct stream_gate *gate = ctx;

    return atomic_load_explicit(&gate->closed, memory_order_relaxed) == FAILURE_NONE;
}

static void register_gauges(struct gateway *gw, struct metrics *m)
{
    metrics_gauge_fn(m, "gateway_messages_in_flight", "Messages published and not yet confirmed",
                     NULL, read_inflight, gw);
    metrics_gauge_fn(m, "gateway_message_bytes_in_flight", "Payload bytes not yet confirmed", NULL,
                     read_inflight_bytes, gw);
    metrics_gauge_fn(m, "gateway_worker_queue_depth", "Large requests that wait for a worker", NULL,
                     read_worker_queue, gw);
    for (int i = 0; i < STREAM_COUNT; i++) {
        char labels[BUS_STREAM_NAME_MAX + 16];

        (void)snprintf(labels, sizeof(labels), "stream=\"%s\"", gw->streams.gates[i].name);
        metrics_gauge_fn(m, "gateway_stream_open", "1 while the stream takes messages", labels,
                         read_stream_open, &gw->streams.gates[i]);
    }
}

/* ---- life ---- */

int gateway_start(struct service *service, struct strbuf *err)
{
    struct gateway *gw = calloc(1, sizeof(*gw));
    struct outbox_options options;
    int r;

    if (!gw) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    service->state = gw;
    gw->service = service;
    gateway_metrics_init(&gw->metrics, service->metrics);
    options = (struct outbox_options){ .url = service->settings.nats_url,
                                       .name = "sluice gateway",
                                       .log = &service->log,
                                       .given_up = service_fail,
                                       .ctx = service,
                                       .streams = &gw->streams,
                                       .metrics = &gw->metrics,
                                       .ack_timeout_usec = service->settings.ack_timeout_usec,
                                       .done = request_done };
    r = streams_start(&gw->streams, service, err);
    if (r == 0)
        r = start_loops(gw, &options, err);
    if (r == 0)
        r = workers_start(&gw->workers, MAX(gw->loop_count, (size_t)WORKERS_MIN),
                          &service->settings, &options, err);
    if (r < 0)
        return r;
    /* Requests come in as soon as HTTP starts, over a socket that may be inherited: with NATS
     * there, not one of them may find the streams unknown. */
    streams_wait(&gw->streams, START_PATIENCE_USEC);
    register_gauges(gw, service->metrics);
    service_on_minute(service, minute_publish);
    return 0;
}

void gateway_stop(struct service *service)
{
    struct gateway *gw = service->state;

    if (!gw)
        return;
    streams_stop_soon(&gw->streams);
    /* The workers first: what they finish goes back to loops whose stocks are freed below. */
    workers_stop(&gw->workers);
    for (size_t i = 0; i < gw->loop_count; i++) {
        intake_release(&gw->loops[i].intake);
        outbox_release(&gw->loops[i].outbox);
        pending_pool_release(&gw->loops[i].pool);
        strbuf_release(&gw->loops[i].answer);
    }
    streams_stop(&gw->streams);
    free(gw->loops);
    free(gw);
    service->state = NULL;
}

/* Ready when the streams are, and every thread that publishes is connected. */
static bool nats_ok(struct service *service, struct strbuf *err)
{
    struct gateway *gw = service->state;
    bool connected = true;

    for (size_t i = 0; i < gw->loop_count; i++)
        connected &= bus_publisher_connected(gw->loops[i].outbox.publisher);
    for (size_t i = 0; i < gw->workers.count; i++)
        connected &= bus_publisher_connected(gw->workers.items[i].outbox.publisher);
    if (!connected)
        strbuf_setf(err, "no connection to NATS");
    return connected && streams_ready(&gw->streams, err);
}

int gateway_main(int argc, char **argv)
{
    static const struct service_dependency dependencies[] = { { "nats", nats_ok } };
    /* The largest body is a setting (BODY_MAX_BYTES), which the service applies. */
    static const struct http_route routes[] = {
        { "POST", "/webhook/events", request_on_events, request_on_abort, NULL, UINT64_MAX, false },
        { "POST", "/webhook", request_on_events, request_on_abort, NULL, UINT64_MAX, false },
        { "POST", "/webhook/events/bulk", request_on_bulk, request_on_abort, NULL, UINT64_MAX,
          false },
    };
    static const struct service_role role = {
        .name = "gateway",
        .role = ROLE_GATEWAY,
        .default_port = 3000,
        .about = "Takes events over HTTP, validates them, and answers once JetStream has them.",
        .dependencies = dependencies,
        .dependency_count = ARRAY_SIZE(dependencies),
        .routes = routes,
        .route_count = ARRAY_SIZE(routes),
        .start = gateway_start,
        .stop = gateway_stop,
    };

    return service_main(&role, argc, argv);
}
