#include "reporter/monitor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/migrate.h"

#define LOOK_EVERY_USEC USEC_PER_SEC
#define DATABASE_TIMEOUT_USEC (2 * UINT64_C(1000000))
#define WHY_MAX 512

struct monitor {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    bool ok;
    struct strbuf why;
    struct db *db; /* the thread's own */
    struct metric_histogram *latency;
    struct log *log;
};

/* An older schema lacks what the queries read; a newer one is the business of whoever upgraded it.
 */
static bool look(struct monitor *m, struct strbuf *why)
{
    struct migration_state state;
    uint64_t started = clock_mono_usec();
    int r = db_connect(m->db, why);

    if (r == 0)
        r = migrate_state_of(m->db, &state, why);
    if (r != 0)
        return false;
    metric_observe(m->latency, (double)(clock_mono_usec() - started) / (double)USEC_PER_SEC);
    if (state.version >= state.wanted)
        return true;
    strbuf_setf(why, "the schema is at version %u, this program reads %u: run sluice migrate",
                state.version, state.wanted);
    return false;
}

static void note(struct monitor *m, bool ok, const struct strbuf *why)
{
    bool changed = m->ok != ok || (!ok && m->why.len == 0);

    pthread_mutex_lock(&m->lock);
    m->ok = ok;
    strbuf_reset(&m->why);
    if (!ok)
        strbuf_addspan(&m->why, strbuf_span(why));
    pthread_mutex_unlock(&m->lock);
    if (!changed)
        return;
    if (ok)
        log_info(m->log, "database.ok", "the database answers");
    else
        log_warn(m->log, "database.away", "the database gives no reports", KV_BUF("error", why),
                 KV_STR("then", "trying again every second"));
}

/* False: stop. */
static bool pause_between(struct monitor *m)
{
    int64_t until = clock_wall_usec() + LOOK_EVERY_USEC;
    struct timespec ts = {
        .tv_sec = (time_t)(until / USEC_PER_SEC),
        .tv_nsec = (long)(until % USEC_PER_SEC * 1000),
    };
    bool stopping;

    pthread_mutex_lock(&m->lock);
    if (!m->stopping)
        (void)pthread_cond_timedwait(&m->wake, &m->lock, &ts);
    stopping = m->stopping;
    pthread_mutex_unlock(&m->lock);
    return !stopping;
}

static void *monitor_main(void *arg)
{
    struct monitor *m = arg;
    _cleanup_strbuf_ struct strbuf why;

    (void)pthread_setname_np(pthread_self(), "monitor");
    strbuf_init(&why, WHY_MAX);
    do {
        bool ok;

        strbuf_reset(&why);
        ok = look(m, &why);
        note(m, ok, &why);
    } while (pause_between(m));
    return NULL;
}

int monitor_new(const struct monitor_options *options, struct monitor **ret, struct strbuf *err)
{
    const struct db_options db = {
        .url = options->database_url,
        .application_name = "sluice reporter health",
        .connect_timeout_usec = DATABASE_TIMEOUT_USEC,
        .statement_timeout_usec = DATABASE_TIMEOUT_USEC,
        .read_only = true,
    };
    struct monitor *m = calloc(1, sizeof(*m));
    int r = -ENOMEM;

    if (!m)
        goto out;
    m->latency = options->latency;
    m->log = options->log;
    strbuf_init(&m->why, WHY_MAX);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->wake, NULL);
    m->db = db_new(&db);
    if (m->db)
        r = -pthread_create(&m->thread, NULL, monitor_main, m);
    if (r == 0) {
        *ret = m;
        return 0;
    }
out:
    strbuf_setf(err, "cannot start the database monitor: %s", strerror(-r));
    if (m)
        (void)db_free(m->db);
    free(m);
    return r;
}

struct monitor *monitor_free(struct monitor *m)
{
    if (!m)
        return NULL;
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
    db_cancel(m->db); /* a look that hangs */
    pthread_join(m->thread, NULL);
    (void)db_free(m->db);
    strbuf_release(&m->why);
    pthread_cond_destroy(&m->wake);
    pthread_mutex_destroy(&m->lock);
    free(m);
    return NULL;
}

bool monitor_ok(struct monitor *m, struct strbuf *why)
{
    bool ok;

    pthread_mutex_lock(&m->lock);
    ok = m->ok;
    if (!ok)
        strbuf_setf(why, "%s", m->why.len ? m->why.ptr : "not asked yet");
    pthread_mutex_unlock(&m->lock);
    return ok;
}
