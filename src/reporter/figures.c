/* The reporter's metrics. */
#include <stdio.h>

#include "reporter/state.h"

static const char *const failure_names[FAILURE_COUNT] = {
    [FAILURE_BAD_REQUEST] = "bad_request", [FAILURE_NOT_FOUND] = "not_found",
    [FAILURE_DATABASE] = "database",       [FAILURE_NATS] = "nats",
    [FAILURE_TIMEOUT] = "timeout",         [FAILURE_OVERLOAD] = "overload",
    [FAILURE_INTERNAL] = "internal",       [FAILURE_GONE] = "gone",
};

static double read_queued(void *ctx)
{
    struct reporter *r = ctx;

    return pool_queued(r->pool);
}

static double read_running(void *ctx)
{
    struct reporter *r = ctx;

    return pool_running(r->pool);
}

static double read_watchers(void *ctx)
{
    struct reporter *r = ctx;

    return live_watchers(r->live);
}

static double read_database_ok(void *ctx)
{
    struct reporter *r = ctx;
    _cleanup_strbuf_ struct strbuf why;

    strbuf_init(&why, 512);
    return monitor_ok(r->monitor, &why);
}

static void register_report(struct reporter *r, enum report_kind kind)
{
    struct metrics *m = r->service->metrics;
    char labels[96];

    (void)snprintf(labels, sizeof(labels), "report=\"%s\"", report_kind_names[kind]);
    r->generated[kind] = metrics_counter(m, "reporter_reports_generated_total",
                                         "Reports answered with 200.", labels);
    r->duration[kind] =
        metrics_histogram(m, "reporter_report_generation_duration_seconds",
                          "From the start of a report's query to its result.", labels,
                          metrics_latency_bounds, metrics_latency_bounds_count);
    for (int why = 0; why < FAILURE_COUNT; why++) {
        (void)snprintf(labels, sizeof(labels), "report=\"%s\",reason=\"%s\"",
                       report_kind_names[kind], failure_names[why]);
        r->failed[kind][why] = metrics_counter(m, "reporter_reports_failed_total",
                                               "Requests for reports that got none.", labels);
    }
}

void reporter_metrics_register(struct reporter *r)
{
    struct metrics *m = r->service->metrics;

    for (int kind = 0; kind < REPORT_COUNT; kind++)
        register_report(r, (enum report_kind)kind);
    metrics_gauge_fn(m, "reporter_queue_depth", "Reports that wait for a database connection.",
                     NULL, read_queued, r);
    metrics_gauge_fn(m, "reporter_reports_running", "Reports that the database works on.", NULL,
                     read_running, r);
    metrics_gauge_fn(m, "reporter_live_watchers", "Pages that are open on the live figures.", NULL,
                     read_watchers, r);
    metrics_gauge_fn(m, "reporter_database_up",
                     "Whether the database answers and has the schema: 1 or 0.", NULL,
                     read_database_ok, r);
}
