#include "collector/upkeep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collector/server_figures.h"
#include "store/cube_merge.h"
#include "store/frozen_writer.h"
#include "store/ledger_prune.h"
#include "store/outcome_prune.h"
#include "store/retention.h"
#include "store/service_metrics.h"

#define CONNECT_USEC UINT64_C(3000000)
/* Counting a large day takes its time; it keeps nobody waiting. */
#define STATEMENT_USEC UINT64_C(600000000)
/* How often deltas of the cubes are merged, and for which part of the time at most: what many of
 * them change in common is written once. Merging seldom makes reports read more. And for how long
 * without a rest, unless one part takes longer: the processors are the writers'. */
#define MERGE_USEC (2 * (uint64_t)USEC_PER_SEC)
#define MERGE_REST 19
#define MERGE_SPELL_USEC UINT64_C(100000)
#define SCHEMA_WAIT_USEC UINT64_C(250000)
#define JOIN_TICK_USEC UINT64_C(20000)
#define ERROR_TEXT_MAX 512

struct upkeep {
    struct collector *c;
    struct db *db; /* disconnected at the end of a round: that gives the locks back */
    pthread_t thread;
    struct halt ended; /* the thread is about to end */
    bool runs;
    bool fails;                    /* the last thing that was done */
    uint64_t round_due, merge_due; /* monotonic */
    unsigned merge_part;           /* the next one */
    uint64_t merged;               /* rows since the last part 0 */
};

static bool is_stopping(const struct upkeep *u)
{
    return halt_is_set(&u->c->stopping);
}

/* All of these: 0 or a failure of the database. */
static int prune_ledger(struct upkeep *u, struct strbuf *err)
{
    struct collector *c = u->c;
    struct ledger_prune prune = { .stream = c->stream,
                                  .keep_usec =
                                      c->settings->replay_window_usec + (uint64_t)USEC_PER_DAY };
    char name[BUS_STREAM_NAME_MAX + 16];
    struct bus_stream_state state;
    uint64_t pruned = 1, total = 0;
    bool held = false;
    int r;

    /* Without the stream's word nothing is known to have left it. */
    if (bus_stream_state_of(c->bus, c->stream, &state, err) < 0)
        return 0; /* bus_watch.c says so already */
    prune.first_seq = state.first_seq;
    prune.last_seq = state.last_seq;
    prune.first_nsec = state.messages ? state.first_nsec : clock_wall_nsec();
    (void)snprintf(name, sizeof(name), "sluice.upkeep.%s", c->stream);
    r = db_try_lock(u->db, name, &held, err);
    while (r == 0 && held && pruned > 0 && !is_stopping(u)) {
        r = ledger_prune_some(u->db, &prune, &pruned, err);
        total += r == 0 ? pruned : 0;
    }
    metric_add(c->figures.pruned, total);
    if (total > 0)
        log_info(c->log, "ledger.pruned", "ledger rows of messages long gone are summed up",
                 KV_STR("stream", c->stream), KV_UINT("rows", total));
    return r;
}

static void tell_pass(const struct collector *c, const struct retention_pass *pass)
{
    metric_add(c->figures.dropped, pass->events_dropped);
    if (pass->moved || pass->days_dropped || pass->revenue_deleted || pass->keys_deleted)
        log_info(c->log, "retention.pass", "what is older than RETENTION_DAYS is dropped",
                 KV_UINT("retentionDays", pass->days), KV_BOOL("moved", pass->moved),
                 KV_UINT("daysDropped", pass->days_dropped),
                 KV_UINT("eventsDropped", pass->events_dropped),
                 KV_UINT("revenueDeleted", pass->revenue_deleted),
                 KV_UINT("keysDeleted", pass->keys_deleted));
}

static int drop_old_events(struct upkeep *u, struct strbuf *err)
{
    struct collector *c = u->c;
    struct retention_pass pass = { .days = c->settings->retention_days,
                                   .replay_usec = c->settings->replay_window_usec,
                                   .mover = c->service->instance };
    bool done = pass.days == 0;
    int r = 0;

    while (r == 0 && !done && !is_stopping(u))
        r = retention_step(u->db, &pass, &done, err);
    tell_pass(c, &pass);
    return r;
}

static int drop_old_samples(struct upkeep *u, struct strbuf *err)
{
    uint32_t days = u->c->settings->metrics_days;
    uint64_t deleted = days > 0;
    int r = 0;

    while (r == 0 && deleted > 0 && !is_stopping(u))
        r = service_metrics_prune(u->db, days, &deleted, err);
    return r;
}

static int drop_old_outcomes(struct upkeep *u, struct strbuf *err)
{
    uint64_t deleted = 1;
    int r = 0;

    while (r == 0 && deleted > 0 && !is_stopping(u))
        r = outcome_prune_some(u->db, &deleted, err);
    return r;
}

/* What concerns all sources. */
static int drop_old(struct upkeep *u, struct strbuf *err)
{
    bool held = false;
    int r = db_try_lock(u->db, "sluice.upkeep", &held, err);

    if (r == 0 && held)
        r = drop_old_samples(u, err);
    if (r == 0 && held)
        r = drop_old_outcomes(u, err);
    if (r == 0 && held)
        r = drop_old_events(u, err);
    return r;
}

static int do_round(struct upkeep *u, struct strbuf *err)
{
    int r = server_figures_update(u->c, u->db, err);

    if (r == 0)
        r = prune_ledger(u, err);
    if (r == 0 && !is_stopping(u))
        r = drop_old(u, err);
    db_disconnect(u->db);
    return r;
}

static int merge_part(struct upkeep *u, struct strbuf *err)
{
    uint64_t merged;
    int r = cube_merge(u->db, u->merge_part, &merged, err);

    if (r != 0)
        return r;
    metric_add(u->c->figures.merged, merged);
    u->merged += merged;
    u->merge_part = (u->merge_part + 1) % CUBE_PARTS;
    if (u->merge_part == 0 && u->merged > 0) {
        u->merged = 0;
        r = cube_vacuum(u->db, err);
    }
    return r;
}

static int merge_cubes(struct upkeep *u, struct strbuf *err)
{
    uint64_t begin = clock_mono_usec(), spent;
    int r;

    do {
        r = merge_part(u, err);
        spent = clock_mono_usec() - begin;
    } while (r == 0 && u->merge_part != 0 && spent < MERGE_SPELL_USEC && !is_stopping(u));
    u->merge_due = clock_mono_usec() + MERGE_REST * spent;
    return r;
}

/* Another collector's, or one's own that a network has swallowed. */
static int end_frozen(struct upkeep *u, struct strbuf *err)
{
    uint64_t ended;
    int r = frozen_writers_end(u->db, &ended, err);

    if (r == 0 && ended > 0)
        log_warn(u->c->log, "upkeep.frozen",
                 "a collector that has stopped in the middle of a transaction kept others waiting",
                 KV_UINT("sessions", ended),
                 KV_STR("then", "its session is ended; what it had is stored by others"));
    return r;
}

/* Of failures in a row the first is told. */
static void note_failure(struct upkeep *u, const struct strbuf *err)
{
    metric_add(u->c->figures.upkeep_failures, 1);
    if (!u->fails)
        log_warn(u->c->log, "upkeep.retry", "the upkeep of the database could not be done",
                 KV_BUF("error", err), KV_STR("then", "trying again every few seconds"));
    u->fails = true;
}

static void do_due(struct upkeep *u)
{
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, ERROR_TEXT_MAX);
    r = end_frozen(u, &err);
    if (r == 0 && clock_mono_usec() >= u->merge_due)
        r = merge_cubes(u, &err);
    if (r == 0 && !is_stopping(u) && clock_mono_usec() >= u->round_due) {
        r = do_round(u, &err);
        u->round_due = clock_mono_usec() + u->c->settings->upkeep_interval_usec;
    }
    if (r == 0)
        u->fails = false;
    else if (!is_stopping(u))
        note_failure(u, &err);
}

static void *run(void *upkeep)
{
    struct upkeep *u = upkeep;
    struct collector *c = u->c;
    uint64_t delay;

    do {
        delay = SCHEMA_WAIT_USEC;
        if (!atomic_load(&c->schema_ready) || !atomic_load(&c->layout_ready))
            continue;
        do_due(u);
        delay = MIN(MERGE_USEC, c->settings->upkeep_interval_usec);
    } while (!halt_wait(&c->stopping, delay));
    halt_set(&u->ended);
    return NULL;
}

int upkeep_new(struct collector *c, struct upkeep **ret_upkeep, struct strbuf *err)
{
    struct upkeep *u = calloc(1, sizeof(*u));
    int r = u ? halt_init(&u->ended) : -ENOMEM;
    char name[64];

    if (r < 0) {
        free(u);
        u = NULL;
        goto out;
    }
    r = -ENOMEM;
    u->c = c;
    (void)snprintf(name, sizeof(name), "sluice %s upkeep", c->source->service);
    u->db = db_new(&(struct db_options){
        .url = c->settings->database_url,
        .application_name = name,
        .connect_timeout_usec = CONNECT_USEC,
        .statement_timeout_usec = STATEMENT_USEC,
    });
    if (!u->db)
        goto out;
    r = -pthread_create(&u->thread, NULL, run, u);
    if (r == 0) {
        u->runs = true;
        (void)pthread_setname_np(u->thread, "upkeep");
        *ret_upkeep = TAKE_PTR(u);
    }
out:
    if (r < 0)
        strbuf_setf(err, "upkeep: %s", strerror(-r));
    (void)upkeep_free(u);
    return r;
}

/* A statement may begin just after it was cancelled: again and again, until the thread has ended.
 */
static void join(struct upkeep *u)
{
    do
        db_cancel(u->db);
    while (!halt_wait(&u->ended, JOIN_TICK_USEC));
    (void)pthread_join(u->thread, NULL);
}

struct upkeep *upkeep_free(struct upkeep *u)
{
    if (!u)
        return NULL;
    if (u->runs)
        join(u);
    halt_release(&u->ended);
    u->db = db_free(u->db);
    free(u);
    return NULL;
}
