/* The http_* families, the same in every service. */
#include <stdio.h>
#include <stdlib.h>

#include "service/http_private.h"

static const unsigned codes[] = { 200, 304, 400, 404, 405, 408, 413, 414, 415, 429, 431, 500, 503 };

static const char *const refused_names[REFUSED_COUNT] = {
    [REFUSED_MALFORMED] = "malformed",
    [REFUSED_HEADERS_TOO_LARGE] = "headers_too_large",
    [REFUSED_NOT_FOUND] = "not_found",
    [REFUSED_METHOD] = "method_not_allowed",
    [REFUSED_BODY_TOO_LARGE] = "body_too_large",
    [REFUSED_SLOW] = "too_slow",
    [REFUSED_RATE] = "rate",
    [REFUSED_REQUESTS_INFLIGHT] = "requests_inflight",
    [REFUSED_BYTES_INFLIGHT] = "bytes_inflight",
    [REFUSED_STOPPING] = "stopping",
};

static const char *const cut_names[CUT_COUNT] = {
    [CUT_ADDRESS_LIMIT] = "address_limit",
    [CUT_FOR_ROOM] = "made_room",
    [CUT_SLOW] = "too_slow",
    [CUT_GONE] = "gone",
};

struct http_metrics {
    struct metric_counter *requests[ARRAY_SIZE(codes)], *other;
    struct metric_counter *refused[REFUSED_COUNT], *cut[CUT_COUNT];
    struct metric_histogram **durations; /* by route */
    const struct http_route *routes;     /* as the index of durations */
};

static double read_connections(void *ctx)
{
    struct http_server_stats stats;

    http_server_stats_of(ctx, &stats);
    return (double)stats.connections;
}

static double read_inflight(void *ctx)
{
    struct http_server_stats stats;

    http_server_stats_of(ctx, &stats);
    return (double)stats.requests_inflight;
}

static double read_inflight_bytes(void *ctx)
{
    struct http_server_stats stats;

    http_server_stats_of(ctx, &stats);
    return (double)stats.inflight_bytes;
}

static double read_handled(void *ctx)
{
    struct http_server *s = ctx;

    return (double)atomic_load_explicit(&s->handled, memory_order_relaxed);
}

static void add_reads(struct http_server *s, struct metrics *m)
{
    metrics_gauge_fn(m, "http_connections_open", "Open HTTP connections.", NULL, read_connections,
                     s);
    metrics_gauge_fn(m, "http_requests_inflight",
                     "HTTP requests begun and not yet answered to the last byte.", NULL,
                     read_inflight, s);
    metrics_gauge_fn(m, "http_inflight_bytes", "Memory held by HTTP request bodies.", NULL,
                     read_inflight_bytes, s);
    metrics_gauge_fn(m, "http_requests_handled",
                     "HTTP requests received whole that wait for their answer.", NULL, read_handled,
                     s);
}

static void add_refusals(struct http_metrics *hm, struct metrics *m)
{
    char labels[48];

    for (int i = 0; i < REFUSED_COUNT; i++) {
        (void)snprintf(labels, sizeof(labels), "reason=\"%s\"", refused_names[i]);
        hm->refused[i] =
            metrics_counter(m, "http_requests_refused_total",
                            "HTTP requests refused before any handler saw them.", labels);
    }
    for (int i = 0; i < CUT_COUNT; i++) {
        (void)snprintf(labels, sizeof(labels), "reason=\"%s\"", cut_names[i]);
        hm->cut[i] = metrics_counter(m, "http_connections_cut_total",
                                     "HTTP connections ended without an answer.", labels);
    }
}

static void add_durations(struct http_metrics *hm, const struct http_server_options *o)
{
    for (size_t i = 0; i < o->route_count; i++) {
        char labels[256];

        (void)snprintf(labels, sizeof(labels), "method=\"%s\",path=\"%s\"", o->routes[i].method,
                       o->routes[i].path);
        hm->durations[i] =
            metrics_histogram(o->metrics, "http_request_duration_seconds",
                              "Time from a request's first line to its answer, by route.", labels,
                              metrics_latency_bounds, metrics_latency_bounds_count);
    }
}

struct http_metrics *http_metrics_new(struct http_server *s)
{
    static const char help[] = "HTTP requests answered, by status code.";
    struct metrics *m = s->options.metrics;
    struct http_metrics *hm = calloc(1, sizeof(*hm));

    if (!hm)
        return NULL;
    hm->routes = s->options.routes;
    hm->durations = calloc(s->options.route_count + 1, sizeof(struct metric_histogram *));
    if (!hm->durations)
        return http_metrics_free(hm);
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        char labels[32];

        (void)snprintf(labels, sizeof(labels), "code=\"%u\"", codes[i]);
        hm->requests[i] = metrics_counter(m, "http_requests_total", help, labels);
    }
    hm->other = metrics_counter(m, "http_requests_total", help, "code=\"other\"");
    add_refusals(hm, m);
    add_durations(hm, &s->options);
    add_reads(s, m);
    return hm;
}

struct http_metrics *http_metrics_free(struct http_metrics *hm)
{
    if (hm)
        free(hm->durations);
    free(hm);
    return NULL;
}

void http_metrics_answer(const struct http_server *s, const struct http_route *route,
                         unsigned status, uint64_t usec)
{
    struct http_metrics *hm = s->metrics;
    size_t i = 0;

    if (!hm)
        return;
    while (i < ARRAY_SIZE(codes) && codes[i] != status)
        i++;
    metric_add(i < ARRAY_SIZE(codes) ? hm->requests[i] : hm->other, 1);
    if (route)
        metric_observe(hm->durations[route - hm->routes], (double)usec / 1e6);
}

void http_metrics_refused(struct http_server *s, enum http_reason reason)
{
    if (s->metrics)
        metric_add(s->metrics->refused[reason], 1);
}

void http_metrics_cut(struct http_server *s, enum http_cut why)
{
    if (s->metrics)
        metric_add(s->metrics->cut[why], 1);
}
