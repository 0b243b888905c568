#include "service/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json_out.h"

#define ANSWER_MAX_BYTES (64 * 1024)
#define METRICS_MAX_BYTES (4 * 1024 * 1024)
#define REASON_MAX_BYTES 512

static void reply_json(struct http_request *req, unsigned status, struct strbuf *body)
{
    static const struct http_header no_store = { "Cache-Control", "no-store" };

    if (strbuf_error(body))
        http_reply_error(req, 500, "internal", "the answer could not be built", NULL, 0);
    else
        http_reply(req, status, "application/json", strbuf_span(body), &no_store, 1);
}

static void begin(struct json_out *j, struct strbuf *body, const char *status)
{
    char when[TIMESTAMP_TEXT_MAX];

    strbuf_init(body, ANSWER_MAX_BYTES);
    json_out_init(j, body);
    json_object(j);
    json_key(j, "status");
    json_str(j, status);
    json_key(j, "timestamp");
    json_string(j, timestamp_format(clock_wall_usec(), when));
}

/* Builds "dependencies":{"nats":{"status":"ok"},"database":{"status":"unavailable","error":"..."}};
 * true when all answer. Built before the rest of the answer, so that its status and what it names
 * agree. */
static bool build_dependencies(struct service *s, struct strbuf *out)
{
    struct json_out j;
    bool all = true;

    strbuf_init(out, ANSWER_MAX_BYTES);
    json_out_init(&j, out);
    json_object(&j);
    for (size_t i = 0; i < s->role->dependency_count; i++) {
        const struct service_dependency *d = &s->role->dependencies[i];
        _cleanup_strbuf_ struct strbuf why;
        bool ok;

        strbuf_init(&why, REASON_MAX_BYTES);
        ok = d->ok(s, &why);
        all &= ok;
        json_key(&j, d->name);
        json_object(&j);
        json_key(&j, "status");
        json_str(&j, ok ? "ok" : "unavailable");
        if (!ok) {
            json_key(&j, "error");
            json_string(&j, strbuf_span(&why));
        }
        json_object_end(&j);
    }
    json_object_end(&j);
    return all;
}

static void end(struct json_out *j, const struct strbuf *dependencies)
{
    json_key(j, "dependencies");
    json_raw(j, strbuf_span(dependencies));
    json_object_end(j);
}

static void liveness(struct http_request *req, void *ctx UNUSED)
{
    _cleanup_strbuf_ struct strbuf body;
    struct json_out j;

    begin(&j, &body, "ok");
    json_object_end(&j);
    reply_json(req, 200, &body);
}

static void readiness(struct http_request *req, void *ctx)
{
    struct service *s = ctx;
    _cleanup_strbuf_ struct strbuf body, dependencies;
    bool ok = build_dependencies(s, &dependencies), draining = s->draining;
    bool ready = ok && !draining;
    struct json_out j;

    begin(&j, &body, ready ? "ready" : draining ? "draining" : "not_ready");
    end(&j, &dependencies);
    reply_json(req, ready ? 200 : 503, &body);
}

static void health(struct http_request *req, void *ctx)
{
    struct service *s = ctx;
    _cleanup_strbuf_ struct strbuf body, dependencies;
    bool ok = build_dependencies(s, &dependencies);
    struct json_out j;

    begin(&j, &body, ok ? "ok" : "degraded");
    json_key(&j, "service");
    json_str(&j, s->name);
    json_key(&j, "instance");
    json_str(&j, s->instance);
    json_key(&j, "version");
    json_str(&j, SLUICE_VERSION);
    json_key(&j, "uptime");
    json_double(&j, (double)(clock_wall_usec() - s->started_usec) / 1e6);
    end(&j, &dependencies);
    reply_json(req, 200, &body);
}

static void metrics(struct http_request *req, void *ctx)
{
    struct service *s = ctx;
    _cleanup_strbuf_ struct strbuf body;

    strbuf_init(&body, METRICS_MAX_BYTES);
    if (metrics_render(s->metrics, &body) < 0)
        http_reply_error(req, 500, "internal", "the metrics could not be written", NULL, 0);
    else
        http_reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", strbuf_span(&body), NULL,
                   0);
}

static double read_dependency(void *gauge)
{
    const struct health_gauge *g = gauge;
    _cleanup_strbuf_ struct strbuf why;

    strbuf_init(&why, REASON_MAX_BYTES);
    return g->dependency->ok(g->service, &why);
}

void health_metrics_add(struct service *s, struct health_gauge gauges[HEALTH_DEPENDENCIES_MAX])
{
    if (s->role->dependency_count > HEALTH_DEPENDENCIES_MAX)
        abort();
    for (size_t i = 0; i < s->role->dependency_count; i++) {
        const struct service_dependency *d = &s->role->dependencies[i];
        char labels[64];

        gauges[i] = (struct health_gauge){ .service = s, .dependency = d };
        (void)snprintf(labels, sizeof(labels), "dependency=\"%s\"", d->name);
        metrics_gauge_fn(s->metrics, "sluice_dependency_up",
                         "Whether what the role cannot do without answers: 1 or 0.", labels,
                         read_dependency, &gauges[i]);
    }
}

const struct http_route health_routes[HEALTH_ROUTE_COUNT] = {
    { .method = "GET", .path = "/health/liveness", .handler = liveness, .vital = true },
    { .method = "GET", .path = "/health/readiness", .handler = readiness, .vital = true },
    { .method = "GET", .path = "/health", .handler = health, .vital = true },
    { .method = "GET", .path = "/metrics", .handler = metrics, .vital = true },
};
