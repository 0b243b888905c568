/*
 * What every long-running role shares: settings, log, metrics, the HTTP server with liveness,
 * readiness, health and metrics on it, signals and drain. A role fills struct service_role and
 * calls service_main(); it sees only its own work.
 *
 * Order of life: settings -> log -> metrics -> role->start() (may fail: exit 1) -> HTTP starts ->
 * ... SIGTERM, SIGINT or SIGHUP -> readiness 503 -> HTTP drains (no new connections) ->
 * role->drain() -> HTTP stops -> the last minute sample -> role->stop() -> exit 0. All of it within
 * SHUTDOWN_TIMEOUT, at which what is left gets 503. A second signal exits at once (status 130).
 * Wrong settings: status 2. What only a new process can mend: the same end, status 1
 * (service_fail()).
 *
 * A supervisor that asked for it (service/notify.h) is told once HTTP runs and all dependencies
 * answer. Every service answers GET /health/liveness, /health/readiness, /health and /metrics.
 */
#pragma once

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "service/http.h"
#include "service/metrics.h"
#include "service/settings.h"

struct service;
typedef void (*service_minute_fn)(struct service *s, int64_t minute_usec);

struct service {
    const char *name;  /* "gateway" */
    char instance[96]; /* unique per process start: host-pid-starttime */
    struct settings settings;
    struct log log;
    struct metrics *metrics;
    struct http_server *http; /* exists when role->start() runs, not yet started */
    void *state;              /* the role's own */
    const struct service_role *role;
    int64_t started_usec;  /* wall clock */
    _Atomic bool draining; /* readiness answers 503 */
    _Atomic bool failed;   /* private, as what follows */
    service_minute_fn on_minute;
    sem_t end_asked;
};

/* A dependency that readiness and health name: "nats", "database". */
struct service_dependency {
    const char *name;
    /* Whether it answers; MUST be quick (a cached state kept fresh in the background) and
     * thread-safe. *err: why not, for a person. */
    bool (*ok)(struct service *s, struct strbuf *err);
};

struct service_role {
    const char *name;
    enum role role;
    uint32_t default_port;
    const char *about;
    const struct service_dependency *dependencies;
    size_t dependency_count;
    /* The role's routes, beside the shared ones. ctx of each route is replaced by the service; a
     * body_max above BODY_MAX_BYTES counts as that. May be NULL (count 0). */
    const struct http_route *routes;
    size_t route_count;
    bool watch_clients; /* its answers cost much: none are made for who has gone (service/http.h) */
    /* Opens what it needs, starts its threads. A dependency that is away is not a failure. <0 with
     * *err. */
    int (*start)(struct service *s, struct strbuf *err);
    /* Finishes what is in flight; blocks at most until the deadline (monotonic). May be NULL. */
    void (*drain)(struct service *s, uint64_t deadline_usec);
    /* Joins threads, frees everything. Called also after a start() that failed. The loops and their
     * hooks have stopped; s->http is still there. */
    void (*stop)(struct service *s);
};

/* The whole life of a role's process; returns the exit status. */
int service_main(const struct service_role *role, int argc, char **argv);

/* Ends the process in order, as a signal does, but with status 1: whoever watches it starts
 * another. service: a struct service, in the form that callbacks take. Any thread. */
void service_fail(void *service);

/* Minute samples for event_metrics: calls fn shortly after each full minute, on a thread of the
 * service, with the start of the minute that ended (wall clock); and once at the end, after HTTP
 * has stopped and before role->stop(), with the start of the minute that is running. Set it in
 * start(). */
void service_on_minute(struct service *s, service_minute_fn fn);
