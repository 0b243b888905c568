/* The life of a role's process. Signals are blocked in all threads and taken by one of their own,
 * so that nothing runs in a signal handler and a second signal ends the process whatever the others
 * wait for. */
#include "service/service.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/descriptors.h"
#include "service/health.h"
#include "service/listen.h"
#include "service/minute.h"
#include "service/notify.h"
#include "service/observer.h"

#define EXIT_SETTINGS 2
#define EXIT_SECOND_SIGNAL 130
#define ERROR_MAX_BYTES 4096
#define OWN_DESCRIPTORS 40 /* of a service with one thread of each kind, and its observer */
#define READY_POLL_USEC (50 * USEC_PER_MSEC)

struct life {
    struct service service;
    struct http_route *routes;
    size_t route_count;
    struct minute_clock *minutes;
    struct listen_sockets sockets;
    struct observer *observer; /* NULL without a socket for it */
    struct health_gauge gauges[HEALTH_DEPENDENCIES_MAX];
    bool role_begun; /* its start() was called, so that its stop() must be */
};

static void ending_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGHUP);
}

static void *watch_signals(void *arg)
{
    struct life *life = arg;
    sigset_t set;
    int signal_number;

    ending_signals(&set);
    (void)pthread_setname_np(pthread_self(), "signals");
    (void)sigwait(&set, &signal_number);
    log_info(&life->service.log, "service.signal", "asked to stop",
             KV_STR("signal", strsignal(signal_number)));
    (void)sem_post(&life->service.end_asked);
    (void)sigwait(&set, &signal_number);
    _exit(EXIT_SECOND_SIGNAL);
}

static int start_signal_thread(struct life *life, struct strbuf *err)
{
    pthread_t thread;
    sigset_t set;
    int r;

    ending_signals(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    r = pthread_create(&thread, NULL, watch_signals, life);
    if (r == 0)
        r = pthread_detach(thread);
    if (r != 0)
        strbuf_setf(err, "cannot start the signal thread: %s", strerror(r));
    return -r;
}

/* host-pid-starttime: no two processes ever have the same. */
static void name_instance(struct service *s)
{
    char host[48] = "host";

    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(s->instance, sizeof(s->instance), "%s-%ld-%lld", host, (long)getpid(),
                   (long long)(s->started_usec / 1000));
}

/* Connections are descriptors. More than there are would make accept() fail, where a full server
 * makes room (service/http.h). */
static void fit_connections(struct service *s)
{
    struct settings *c = &s->settings;
    uint64_t limit = descriptors_raise();
    uint64_t own = OWN_DESCRIPTORS + 8 * (uint64_t)c->http_threads + 4 * (uint64_t)c->writers +
                   2 * (uint64_t)c->report_pool;
    uint32_t fit = descriptors_fit(limit, own, c->connections_max);

    if (fit == c->connections_max)
        return;
    log_warn(&s->log, "service.descriptors",
             "CONNECTIONS_MAX is more than the limit of open files allows",
             KV_UINT("connectionsMax", c->connections_max), KV_UINT("openFiles", limit),
             KV_UINT("fit", fit),
             KV_STR("then", "going on with as many connections as fit; raise the hard limit "
                            "(ulimit -Hn, LimitNOFILE= of systemd)"));
    c->connections_max = fit;
}

static double read_dropped(void *ctx)
{
    struct log *log = ctx;

    return (double)atomic_load_explicit(&log->dropped, memory_order_relaxed);
}

static int build_routes(struct life *life)
{
    const struct service_role *role = life->service.role;
    size_t n = 0;

    life->routes = calloc(HEALTH_ROUTE_COUNT + role->route_count, sizeof(*life->routes));
    if (!life->routes)
        return -ENOMEM;
    for (size_t i = 0; i < role->route_count; i++)
        life->routes[n++] = role->routes[i];
    for (size_t i = 0; i < HEALTH_ROUTE_COUNT; i++)
        life->routes[n++] = health_routes[i];
    for (size_t i = 0; i < n; i++) {
        life->routes[i].ctx = &life->service;
        life->routes[i].body_max =
            MIN(life->routes[i].body_max, life->service.settings.body_max_bytes);
    }
    life->route_count = n;
    return 0;
}

static int open_http(struct life *life, struct strbuf *err)
{
    struct service *s = &life->service;
    const struct settings *c = &s->settings;
    int r = build_routes(life);
    struct http_server_options options = {
        .host = c->host,
        .port = c->port ? c->port : s->role->default_port,
        .listen_fd = life->sockets.service,
        .threads = c->http_threads,
        .connections_max = c->connections_max,
        .connections_per_address_max = c->connections_per_address_max,
        .header_max_bytes = c->header_max_bytes,
        .idle_timeout_usec = c->idle_timeout_usec,
        .request_timeout_usec = c->request_timeout_usec,
        .inflight_max_bytes = c->inflight_max_bytes,
        .inflight_max_requests = c->inflight_max_requests,
        .rate_max = c->rate_limit,
        .watch_clients = s->role->watch_clients,
        .routes = life->routes,
        .route_count = life->route_count,
        .log = &s->log,
        .metrics = s->metrics,
    };

    if (r < 0) {
        strbuf_setf(err, "out of memory");
        return r;
    }
    return http_server_new(&options, &s->http, err);
}

static void open_metrics(struct life *life)
{
    struct service *s = &life->service;

    s->metrics = metrics_new();
    metrics_add_process(s->metrics, s->name);
    metrics_counter_fn(s->metrics, "log_lines_dropped_total",
                       "Log lines that could not be written.", NULL, read_dropped, &s->log);
    health_metrics_add(s, life->gauges);
}

static int start(struct life *life, struct strbuf *err)
{
    struct service *s = &life->service;
    int r = start_signal_thread(life, err);

    if (r < 0)
        return r;
    fit_connections(s);
    settings_log(&s->settings, s->role->role, &s->log);
    r = open_http(life, err);
    if (r < 0)
        return r;
    life->role_begun = true;
    r = s->role->start(s, err);
    if (r < 0)
        return r;
    r = http_server_start(s->http, err);
    if (r < 0)
        return r;
    if (life->sockets.observer >= 0) {
        r = observer_new(s, life->sockets.observer, &life->observer, err);
        if (r < 0)
            return r;
    }
    if (s->on_minute) {
        life->minutes = minute_clock_new(s, err);
        if (!life->minutes)
            return -EAGAIN;
    }
    log_info(&s->log, "service.start", "the service is up", KV_STR("version", SLUICE_VERSION),
             KV_STR("instance", s->instance), KV_STR("host", s->settings.host),
             KV_UINT("port", http_server_port(s->http)));
    return 0;
}

static bool dependencies_ok(struct service *s)
{
    for (size_t i = 0; i < s->role->dependency_count; i++) {
        _cleanup_strbuf_ struct strbuf why;

        strbuf_init(&why, ERROR_MAX_BYTES);
        if (!s->role->dependencies[i].ok(s, &why))
            return false;
    }
    return true;
}

/* Until a signal; meanwhile tells the supervisor, once, that the service is ready. */
static void wait_for_end(struct life *life)
{
    bool told = !getenv("NOTIFY_SOCKET");
    int r = -1;

    while (r < 0) {
        int64_t until = clock_wall_usec() + READY_POLL_USEC;
        struct timespec ts = {
            .tv_sec = (time_t)(until / USEC_PER_SEC),
            .tv_nsec = (long)(until % USEC_PER_SEC * 1000),
        };

        if (!told && dependencies_ok(&life->service)) {
            notify_ready();
            told = true;
        }
        r = told ? sem_wait(&life->service.end_asked)
                 : sem_timedwait(&life->service.end_asked, &ts);
    }
}

static void drain(struct life *life)
{
    struct service *s = &life->service;
    uint64_t deadline = clock_mono_usec() + s->settings.shutdown_timeout_usec;

    s->draining = true;
    notify_stopping();
    http_server_drain(s->http);
    if (s->role->drain)
        s->role->drain(s, deadline);
    if (http_server_stop(s->http, deadline) < 0)
        log_warn(&s->log, "service.cut", "the time to stop was up before all requests were done",
                 KV_STR("then", "the rest was answered with 503"));
    life->observer = observer_free(life->observer);
    life->minutes = minute_clock_free(life->minutes);
}

static void release(struct life *life)
{
    struct service *s = &life->service;

    s->http = http_server_free(s->http);
    s->metrics = metrics_free(s->metrics);
    free(life->routes);
    settings_release(&s->settings);
}

static int run(struct life *life)
{
    struct service *s = &life->service;
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, ERROR_MAX_BYTES);
    (void)sem_init(&s->end_asked, 0, 0);
    open_metrics(life);
    r = listen_inherited(&life->sockets, &err);
    if (r == 0)
        r = start(life, &err);
    if (r < 0) {
        log_error(&s->log, "service.start", "the service cannot start", KV_BUF("error", &err));
        if (s->http)
            (void)!http_server_stop(s->http, /* deadline_usec= */ 0);
    } else {
        wait_for_end(life);
        drain(life);
    }
    if (life->role_begun)
        s->role->stop(s);
    if (r == 0)
        log_info(&s->log, "service.stop", "the service has stopped");
    return r < 0 || s->failed ? 1 : 0;
}

static int load(struct service *s, int argc, char **argv)
{
    const struct service_role *role = s->role;
    char usage[64];
    const struct settings_command command = { .usage = usage, .about = role->about };
    _cleanup_strbuf_ struct strbuf err;
    int r;

    (void)snprintf(usage, sizeof(usage), "sluice %s [flags]", role->name);
    strbuf_init(&err, ERROR_MAX_BYTES);
    r = settings_load(&s->settings, role->role, &argc, argv, &command, &err);
    if (r < 0)
        fprintf(stderr, "sluice %s: %s\n", role->name, err.ptr);
    return r;
}

int service_main(const struct service_role *role, int argc, char **argv)
{
    struct life life = {
        .service = { .name = role->name, .role = role, .started_usec = clock_wall_usec() },
    };
    struct service *s = &life.service;
    int r = load(s, argc, argv);

    if (r == 0) {
        name_instance(s);
        log_init(&s->log, role->name, (enum log_level)s->settings.log_level,
                 (enum log_format)s->settings.log_format);
        log_never_wait(&s->log);
        r = run(&life);
    } else {
        r = r < 0 ? EXIT_SETTINGS : 0;
    }
    release(&life);
    return r;
}

void service_fail(void *service)
{
    struct service *s = service;

    s->failed = true;
    (void)sem_post(&s->end_asked);
}

void service_on_minute(struct service *s, service_minute_fn fn)
{
    s->on_minute = fn;
}
