/* The gateway within the test's process: its loops and workers on a real nats-server, and HTTP on a
 * free port. */
#pragma once

#include "gateway/request.h"
#include "gateway/state.h"
#include "unit/bus/nats_server.h"
#include "unit/service/http_fixture.h"

/* A message that libnats has torn is lost on purpose (src/bus/message.c). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:natsMsg_create\n";
}

#define ACK_TIMEOUT_USEC (300 * USEC_PER_MSEC)

struct gateway_fixture {
    struct nats_server nats;
    struct service service;
    struct gateway *gw;
    struct http_route routes[2];
    struct fixture http; /* for http_fixture.h's client */
    struct strbuf err;
};

static inline void gateway_fixture_settings(struct gateway_fixture *f)
{
    f->service.settings = (struct settings){
        .nats_url = f->nats.url,
        .body_max_bytes = 4 << 20,
        .event_max_bytes = 128 << 10,
        .bulk_max_events = 5000,
        .ack_timeout_usec = ACK_TIMEOUT_USEC,
        .stream_max_bytes = 256 << 20,
        .dlq_max_bytes = 64 << 20,
        .stream_replicas = 1,
        .duplicate_window_usec = 120 * USEC_PER_SEC,
    };
}

static inline void gateway_fixture_http(struct gateway_fixture *f)
{
    const struct http_route routes[] = {
        { "POST", "/webhook/events", request_on_events, request_on_abort, &f->service, 4 << 20,
          false },
        { "POST", "/webhook/events/bulk", request_on_bulk, request_on_abort, &f->service, 4 << 20,
          false },
    };
    struct http_server_options options = FIXTURE_OPTIONS;

    memcpy(f->routes, routes, sizeof(routes));
    options.routes = f->routes;
    options.route_count = ARRAY_SIZE(f->routes);
    options.log = &f->service.log;
    assert_int_equal(http_server_new(&options, &f->service.http, &f->err), 0);
    f->http.server = f->service.http;
}

static inline int gateway_fixture_setup(void **state)
{
    struct gateway_fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    *state = f;
    strbuf_init(&f->err, 1024);
    assert_true(nats_server_setup(&f->nats, NULL));
    gateway_fixture_settings(f);
    f->service.name = "gateway";
    log_init(&f->service.log, "test", LOG_ERROR, LOG_TEXT);
    f->service.metrics = metrics_new();
    gateway_fixture_http(f);
    if (gateway_start(&f->service, &f->err) < 0 || http_server_start(f->service.http, &f->err) < 0)
        fail_msg("%s", f->err.ptr);
    f->gw = f->service.state;
    return 0;
}

static inline int gateway_fixture_teardown(void **state)
{
    struct gateway_fixture *f = *state;

    (void)!http_server_stop(f->service.http, clock_mono_usec() + 5 * USEC_PER_SEC);
    gateway_stop(&f->service);
    f->service.http = http_server_free(f->service.http);
    f->service.metrics = metrics_free(f->service.metrics);
    nats_server_teardown(&f->nats);
    strbuf_release(&f->err);
    free(f);
    return 0;
}

/* The balance of the books: what came in, as far as it was read, is processed or failed. */
static inline uint64_t gateway_fixture_settled(const struct gateway_metrics *gm)
{
    uint64_t sum = 0;

    for (int lane = 0; lane < LANE_COUNT; lane++)
        sum += metric_counter_value(gm->processed[lane]);
    for (int source = 0; source <= SOURCE_UNKNOWN; source++)
        for (int stage = 0; stage <= STAGE_UNKNOWN; stage++)
            for (int i = 0; i < REASON_COUNT_MAX; i++)
                if (gm->failed[source][stage][i])
                    sum += metric_counter_value(gm->failed[source][stage][i]);
    return sum;
}

static inline uint64_t gateway_fixture_accepted(const struct gateway_metrics *gm)
{
    uint64_t sum = 0;

    for (int lane = 0; lane < LANE_COUNT; lane++)
        sum += metric_counter_value(gm->accepted[lane]);
    return sum;
}

/* ---- bodies ---- */

static inline void put_event(struct strbuf *out, unsigned id, bool facebook)
{
    if (facebook)
        (void)strbuf_addf(
            out,
            "{\"eventId\":\"t-%u\",\"timestamp\":\"2024-01-31T11:00:00Z\",\"source\":\"facebook\","
            "\"funnelStage\":\"top\",\"eventType\":\"ad.view\",\"data\":{\"user\":{\"userId\":"
            "\"u\","
            "\"name\":\"Ann\",\"age\":33,\"gender\":\"female\",\"location\":{\"country\":\"DE\","
            "\"city\":\"Berlin\"}}}}",
            id);
    else
        (void)strbuf_addf(
            out,
            "{\"eventId\":\"t-%u\",\"timestamp\":\"2024-01-31T11:00:00Z\",\"source\":\"tiktok\","
            "\"funnelStage\":\"bottom\",\"eventType\":\"purchase\",\"data\":{\"user\":"
            "{\"userId\":\"u\",\"username\":\"ann\",\"followers\":7}}}",
            id);
}

/* A list of `good` events and, unless it is long, behind every fifth one that is wrong. */
#define LONG_LIST 1000
static inline void put_list(struct strbuf *out, unsigned first_id, unsigned good)
{
    (void)strbuf_addc(out, '[');
    for (unsigned i = 0; i < good; i++) {
        if (i)
            (void)strbuf_addc(out, ',');
        put_event(out, first_id + i, i % 2);
        if (i % 5 == 0 && good < LONG_LIST)
            (void)strbuf_addf(out, ",{\"eventId\":\"w-%u\",\"source\":7}", first_id + i);
    }
    (void)strbuf_addc(out, ']');
}
