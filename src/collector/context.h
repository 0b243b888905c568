/*
 * One collector process: what its threads share. Per worker a thread that pulls and decodes
 * (fetch.c) and one that writes (write.c); for the process one that keeps messages alive and
 * watches the bus (bus_watch.c), one that watches the database (db_watch.c), one that stores metric
 * samples (samples.c), one that trims the stream (trim.c), one that tells how far it is stored
 * (freshness.c), one that drops what is old (upkeep.c).
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus/bus.h"
#include "bus/layout.h"
#include "collector/exchange.h"
#include "collector/figures.h"
#include "collector/health.h"
#include "collector/source.h"
#include "collector/wait.h"
#include "ingest/work.h"
#include "service/service.h"
#include "store/db.h"
#include "store/writer.h"

struct collector;
struct samples;
struct upkeep;

/* Writing in one batch while another is gathered, and one for suspects. */
#define WORKER_SUSPECTS EXCHANGE_SLOTS
#define WORKER_WORKS (EXCHANGE_SLOTS + 1)

struct worker {
    struct collector *c;
    uint32_t index;
    pthread_t fetcher, writer;
    bool fetcher_runs, writer_runs;
    struct exchange exchange;
    struct work works[WORKER_WORKS]; /* by slot; the last is the writer's own */

    /* the fetcher's */
    struct event_decoder *decoder;
    struct bus_puller *puller;
    struct bus_delivery *aside; /* did not fit into the batch before */
    struct backoff bus_backoff;

    /* the writer's */
    struct db *db; /* the writer's own; here for db_cancel() only */
    struct store_writer *store;
    struct db *side_db; /* for what is asked beside the batches; connects when needed */
    struct event_decoder *suspects_decoder;
};

struct collector {
    struct service *service;
    const struct settings *settings;
    struct log *log;
    const struct source *source;
    char stream[BUS_STREAM_NAME_MAX];
    struct bus *bus;
    struct figures figures;

    struct halt stopping; /* no new work */
    struct halt ending;   /* all work is given back */
    /* Read: at work beside others. Write: alone in the process (suspects.c). */
    pthread_rwlock_t company;
    pthread_mutex_t layout_lock;
    _Atomic bool layout_ready; /* streams and consumers are there, as far as we know */
    _Atomic bool schema_ready; /* likewise the database's tables */
    struct health nats, database;
    _Atomic uint64_t queued_events;   /* decoded and not committed */
    _Atomic int64_t committed_nsec;   /* stream's timestamp of the message committed last */
    _Atomic uint32_t workers_running; /* threads of workers */

    struct worker *workers;
    uint32_t worker_count;
    struct samples *samples;
    struct upkeep *upkeep;
    pthread_t bus_watch, db_watch, trim, freshness;
    bool bus_watch_runs, db_watch_runs, trim_runs, freshness_runs;
};

/* How long an answer of a dependency counts for readiness. */
#define HEALTH_MAX_AGE_USEC UINT64_C(10000000)

/* A third of ack_wait: two signs of life may get lost. */
static inline uint64_t collector_keep_usec(const struct collector *c)
{
    return c->settings->ack_wait_usec / 3;
}
