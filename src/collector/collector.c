/* The role: what it opens at start, what it does when it is told to stop. */
#include "collector/collector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collector/samples.h"
#include "collector/upkeep.h"
#include "collector/watch.h"
#include "collector/worker.h"

#define CONNECT_TIMEOUT_USEC UINT64_C(2000000)
/* Before the deadline of the drain: statements that still run are cut off, so that it can be met.
 */
#define CUT_OFF_USEC UINT64_C(2000000)
#define DRAIN_TICK_USEC UINT64_C(20000)

static bool nats_ok(struct service *s, struct strbuf *err)
{
    struct collector *c = s->state;

    return health_is_good(&c->nats, HEALTH_MAX_AGE_USEC, err);
}

static bool database_ok(struct service *s, struct strbuf *err)
{
    struct collector *c = s->state;

    return health_is_good(&c->database, HEALTH_MAX_AGE_USEC, err);
}

static const struct service_dependency dependencies[] = {
    { "nats", nats_ok },
    { "database", database_ok },
};

static double read_queued(void *collector)
{
    struct collector *c = collector;

    return (double)atomic_load_explicit(&c->queued_events, memory_order_relaxed);
}

static double read_health(void *health)
{
    return health_is_good(health, HEALTH_MAX_AGE_USEC, NULL);
}

static void register_gauges(struct collector *c)
{
    struct metrics *m = c->service->metrics;
    char name[96];

    figures_init(&c->figures, m, c->source);
    (void)snprintf(name, sizeof(name), "%s_queue_events", c->source->metric_prefix);
    metrics_gauge_fn(m, name, "Events decoded and not committed yet.", NULL, read_queued, c);
    (void)snprintf(name, sizeof(name), "%s_dependency_up", c->source->metric_prefix);
    metrics_gauge_fn(m, name, "Whether a dependency answers.", "dependency=\"nats\"", read_health,
                     &c->nats);
    metrics_gauge_fn(m, name, "Whether a dependency answers.", "dependency=\"database\"",
                     read_health, &c->database);
}

static void on_minute(struct service *s, int64_t minute_usec)
{
    struct collector *c = s->state;

    samples_take(c->samples, minute_usec);
}

static struct collector *collector_free(struct collector *c)
{
    for (uint32_t i = 0; i < c->worker_count; i++)
        worker_release(&c->workers[i]);
    free(c->workers);
    c->bus = bus_close(c->bus);
    health_release(&c->nats);
    health_release(&c->database);
    halt_release(&c->stopping);
    halt_release(&c->ending);
    (void)pthread_mutex_destroy(&c->layout_lock);
    (void)pthread_rwlock_destroy(&c->company);
    free(c);
    return NULL;
}

/* Whoever wants to be alone in the process must get there although the others never pause. */
static int init_company(pthread_rwlock_t *company)
{
    pthread_rwlockattr_t attributes;
    int r = pthread_rwlockattr_init(&attributes);

    if (r != 0)
        return -r;
    (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    r = pthread_rwlock_init(company, &attributes);
    (void)pthread_rwlockattr_destroy(&attributes);
    return -r;
}

static int collector_new(struct service *s, struct collector **ret_collector)
{
    struct collector *c = calloc(1, sizeof(*c));
    int r;

    if (!c)
        return -ENOMEM;
    c->service = s;
    c->settings = &s->settings;
    c->log = &s->log;
    c->source = source_of_service(s->name);
    bus_layout_stream_name(c->source->name, c->stream);
    r = halt_init(&c->stopping);
    if (r == 0)
        r = halt_init(&c->ending);
    if (r == 0)
        r = health_init(&c->nats, "not connected yet");
    if (r == 0)
        r = health_init(&c->database, "not connected yet");
    if (r == 0)
        r = -pthread_mutex_init(&c->layout_lock, NULL);
    if (r == 0)
        r = init_company(&c->company);
    if (r < 0) {
        free(c); /* the first locks of a process: nothing else can have failed */
        return r;
    }
    *ret_collector = c;
    return 0;
}

static int open_bus(struct collector *c, struct strbuf *err)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "sluice %s", c->source->service);
    return bus_open(
        &(struct bus_options){
            .url = c->settings->nats_url,
            .name = name,
            .log = c->log,
            .connect_timeout_usec = CONNECT_TIMEOUT_USEC,
            .given_up = service_fail,
            .ctx = c->service,
        },
        &c->bus, err);
}

static int init_workers(struct collector *c, struct strbuf *err)
{
    int r = 0;

    c->workers = calloc(c->settings->writers, sizeof(*c->workers));
    if (!c->workers)
        return -ENOMEM;
    for (uint32_t i = 0; i < c->settings->writers && r == 0; i++) {
        r = worker_init(&c->workers[i], c, i, err);
        c->worker_count++;
    }
    return r;
}

static int start_watch(struct collector *c, pthread_t *thread, bool *ret_runs,
                       void *(*body)(void *), const char *name)
{
    int r = pthread_create(thread, NULL, body, c);

    if (r != 0)
        return -r;
    *ret_runs = true;
    (void)pthread_setname_np(*thread, name);
    return 0;
}

static int start_threads(struct collector *c, struct strbuf *err)
{
    int r = start_watch(c, &c->bus_watch, &c->bus_watch_runs, bus_watch_run, "bus-watch");

    if (r == 0)
        r = start_watch(c, &c->db_watch, &c->db_watch_runs, db_watch_run, "db-watch");
    if (r == 0)
        r = start_watch(c, &c->trim, &c->trim_runs, trim_run, "trim");
    if (r == 0)
        r = start_watch(c, &c->freshness, &c->freshness_runs, freshness_run, "freshness");
    if (r == 0)
        r = samples_new(c, &c->samples, err);
    if (r == 0)
        r = upkeep_new(c, &c->upkeep, err);
    for (uint32_t i = 0; i < c->worker_count && r == 0; i++)
        r = worker_start(&c->workers[i]);
    return r;
}

static int collector_start(struct service *s, struct strbuf *err)
{
    struct collector *c = NULL;
    int r = collector_new(s, &c);

    if (r < 0)
        return r;
    s->state = c;
    register_gauges(c);
    r = open_bus(c, err);
    if (r == 0)
        r = init_workers(c, err);
    if (r == 0)
        r = start_threads(c, err);
    if (r < 0) {
        if (err->len == 0)
            strbuf_setf(err, "cannot start: %s", strerror(-r));
        return r;
    }
    service_on_minute(s, on_minute);
    log_info(&s->log, "collector.started", "taking events", KV_STR("stream", c->stream),
             KV_STR("consumer", c->source->durable), KV_UINT("writers", c->worker_count));
    return 0;
}

/* Batches in hand are finished, unless the database holds them up for too long. */
static void collector_drain(struct service *s, uint64_t deadline_usec)
{
    struct collector *c = s->state;

    halt_set(&c->stopping);
    for (uint32_t i = 0; i < c->worker_count; i++)
        exchange_interrupt(&c->workers[i].exchange);
    while (atomic_load(&c->workers_running) > 0) {
        if (clock_mono_usec() + CUT_OFF_USEC > deadline_usec)
            for (uint32_t i = 0; i < c->worker_count; i++) {
                db_cancel(c->workers[i].db);
                db_cancel(c->workers[i].side_db);
            }
        (void)halt_wait(&c->ending, DRAIN_TICK_USEC);
    }
}

static void collector_stop(struct service *s)
{
    struct collector *c = s->state;

    if (!c)
        return;
    collector_drain(s, /* deadline_usec= */ 0);
    for (uint32_t i = 0; i < c->worker_count; i++)
        worker_join(&c->workers[i]);
    c->upkeep = upkeep_free(c->upkeep);
    halt_set(&c->ending);
    c->samples = samples_free(c->samples);
    if (c->trim_runs)
        (void)pthread_join(c->trim, NULL);
    if (c->freshness_runs)
        (void)pthread_join(c->freshness, NULL);
    if (c->bus_watch_runs)
        (void)pthread_join(c->bus_watch, NULL);
    if (c->db_watch_runs)
        (void)pthread_join(c->db_watch, NULL);
    s->state = collector_free(c);
}

static int run(const struct source *source, int argc, char **argv)
{
    const struct service_role role = {
        .name = source->service,
        .role = source->role,
        .default_port = source->port,
        .about = source->about,
        .dependencies = dependencies,
        .dependency_count = ARRAY_SIZE(dependencies),
        .start = collector_start,
        .drain = collector_drain,
        .stop = collector_stop,
    };

    return service_main(&role, argc, argv);
}

int collector_facebook_main(int argc, char **argv)
{
    return run(&source_facebook, argc, argv);
}

int collector_tiktok_main(int argc, char **argv)
{
    return run(&source_tiktok, argc, argv);
}
