/* The role: its routes, its dependency, its start and stop. */
#include "reporter/reporter.h"

#include <errno.h>
#include <stdlib.h>

#include "reporter/database_craft.h"
#include "reporter/openapi.h"
#include "reporter/rejects.h"
#include "reporter/state.h"

/* Waiting reports for each that runs: with a second each, the last one waits a quarter of a minute.
 */
#define QUEUE_PER_WORKER 16
/* Of days that many reports ask for. Ten million events of a thousand campaigns over a month, asked
 * for at any ends, have 50 MB. */
#define CACHE_BYTES (64 * 1024 * 1024)

static const char *report_url(const struct settings *settings)
{
    return settings->report_database_url && settings->report_database_url[0]
               ? settings->report_database_url
               : settings->database_url;
}

static int start_pool(struct reporter *r, struct strbuf *err)
{
    const struct settings *settings = &r->service->settings;
    const struct database_craft_options database = {
        .database_url = report_url(settings),
        .timeout_usec = settings->report_timeout_usec,
        .cache = r->cache,
    };
    const struct pool_options options = {
        .threads = settings->report_pool,
        .queue_max = settings->report_pool * QUEUE_PER_WORKER,
        .craft = &database_craft,
        .craft_options = &database,
        .done = reports_done,
        .ctx = r,
    };

    return pool_new(&options, &r->pool, err);
}

static int start_rejects(struct reporter *r, struct strbuf *err)
{
    const struct rejects_craft_options nats = {
        .nats_url = r->service->settings.nats_url,
        .log = &r->service->log,
    };
    const struct pool_options options = {
        .threads = 1,
        .queue_max = QUEUE_PER_WORKER,
        .craft = &rejects_craft,
        .craft_options = &nats,
        .done = reports_done,
        .ctx = r,
    };

    return pool_new(&options, &r->rejects, err);
}

static int start_monitor(struct reporter *r, struct strbuf *err)
{
    const struct monitor_options options = {
        .database_url = report_url(&r->service->settings),
        .latency = metrics_histogram(r->service->metrics, "reporter_postgres_latency_seconds",
                                     "A look at the database: is it there, has it the schema.",
                                     NULL, metrics_latency_bounds, metrics_latency_bounds_count),
        .log = &r->service->log,
    };

    return monitor_new(&options, &r->monitor, err);
}

static void on_minute(struct service *s, int64_t minute_usec)
{
    struct reporter *r = s->state;

    reporter_samples_take(r->samples, minute_usec);
}

static int reporter_start(struct service *s, struct strbuf *err)
{
    struct reporter *r = calloc(1, sizeof(*r));
    int result;

    if (!r) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    s->state = r;
    r->service = s;
    reporter_metrics_register(r);
    r->samples = reporter_samples_new(s);
    r->cache = report_cache_new(CACHE_BYTES);
    if (!r->samples || !r->cache) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    result = start_pool(r, err);
    if (result == 0)
        result = start_rejects(r, err);
    if (result == 0)
        result = start_monitor(r, err);
    if (result == 0)
        result = page_new(&r->page, err);
    if (result == 0)
        result = live_new(s, &r->live, err);
    if (result == 0)
        service_on_minute(s, on_minute);
    return result;
}

static void reporter_stop(struct service *s)
{
    struct reporter *r = s->state;

    if (!r)
        return;
    r->pool = pool_free(r->pool);
    r->cache = report_cache_free(r->cache);
    r->rejects = pool_free(r->rejects);
    r->monitor = monitor_free(r->monitor);
    r->samples = reporter_samples_free(r->samples);
    r->live = live_free(r->live);
    r->page = page_free(r->page);
    free(r);
    s->state = NULL;
}

static bool database_ok(struct service *s, struct strbuf *err)
{
    struct reporter *r = s->state;

    return monitor_ok(r->monitor, err);
}

static void handle_page(struct http_request *req, void *ctx)
{
    struct service *s = ctx;
    struct reporter *r = s->state;

    page_answer(r->page, req);
}

static void handle_live(struct http_request *req, void *ctx)
{
    struct service *s = ctx;
    struct reporter *r = s->state;

    live_watch(r->live, req);
}

int reporter_main(int argc, char **argv)
{
    static const struct service_dependency dependencies[] = { { "database", database_ok } };
    static const struct http_route routes[] = {
        { "GET", "/", handle_page, NULL, NULL, 0, false },
        { "GET", "/assets/*", handle_page, NULL, NULL, 0, false },
        { "GET", "/live", handle_live, NULL, NULL, 0, false },
        { "GET", "/reports/events", reports_handle_events, reports_aborted, NULL, 0, false },
        { "GET", "/reports/revenue", reports_handle_revenue, reports_aborted, NULL, 0, false },
        { "GET", "/reports/demographics", reports_handle_demographics, reports_aborted, NULL, 0,
          false },
        { "GET", "/reports/funnel", reports_handle_funnel, reports_aborted, NULL, 0, false },
        { "GET", "/reports/campaigns", reports_handle_campaigns, reports_aborted, NULL, 0, false },
        { "GET", "/reports/users/{source}/{userId}", reports_handle_user, reports_aborted, NULL, 0,
          false },
        { "GET", "/reports/events/{source}/{eventId}", reports_handle_event, reports_aborted, NULL,
          0, false },
        { "GET", "/reports/requests/{correlationId}", reports_handle_requests, reports_aborted,
          NULL, 0, false },
        { "GET", "/reports/rejects", reports_handle_rejects, reports_aborted, NULL, 0, false },
        { "GET", "/openapi.json", openapi_handle, NULL, NULL, 0, false },
    };
    static const struct service_role role = {
        .name = "reporter",
        .role = ROLE_REPORTER,
        .default_port = 3003,
        .about = "Answers GET /reports/... from the database, and /reports/rejects from the dead "
                 "letters.",
        .dependencies = dependencies,
        .dependency_count = ARRAY_SIZE(dependencies),
        .routes = routes,
        .route_count = ARRAY_SIZE(routes),
        .watch_clients = true,
        .start = reporter_start,
        .stop = reporter_stop,
    };

    return service_main(&role, argc, argv);
}
