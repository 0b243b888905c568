#include "reporter/database_craft.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/snapshot.h"

#define CONNECT_TIMEOUT_USEC (3 * UINT64_C(1000000))

struct tools {
    struct db *db;
    uint64_t timeout_usec;
};

typedef int (*report_fn)(struct db *db, const struct report_filter *f, struct strbuf *out,
                         struct strbuf *err);

static const report_fn report_fns[REPORT_COUNT] = {
    [REPORT_EVENTS] = report_events,
    [REPORT_REVENUE] = report_revenue,
    [REPORT_DEMOGRAPHICS] = report_demographics,
    [REPORT_FUNNEL] = report_funnel,
    [REPORT_CAMPAIGNS] = report_campaigns,
    [REPORT_USER] = report_user,
    [REPORT_EVENT] = report_event,
    [REPORT_REQUESTS] = report_requests,
};

/* The report, from one view of the database. */
static int ask_once(struct tools *t, struct job *job)
{
    int r = snapshot_begin(t->db, &job->view, &job->err);

    if (r == 0)
        r = report_fns[job->parser.kind](t->db, &job->filter, &job->data, &job->err);
    snapshot_end(t->db);
    return r;
}

/* A report is timed out when the database worked on it for too long, not when none was found. */
static void ask(struct tools *t, struct job *job)
{
    uint64_t started;

    strbuf_reset(&job->data);
    job->timed_out = false;
    job->outcome = db_connect(t->db, &job->err);
    if (job->outcome != 0)
        return;
    started = clock_mono_usec();
    job->outcome = ask_once(t, job);
    job->took_usec = clock_mono_usec() - started;
    job->timed_out = job->outcome == DB_RETRY && job->took_usec >= t->timeout_usec;
}

/* A connection that lay idle may have died with a restarted server, which only its next use shows:
 * that is no reason to fail a report, so it is asked once more on a new connection. */
static void make(void *tools, struct job *job)
{
    uint64_t started = clock_mono_usec();
    struct tools *t = tools;

    ask(t, job);
    if (job->outcome != DB_RETRY || clock_mono_usec() - started > t->timeout_usec / 2 ||
        !pool_wants(job))
        return;
    db_disconnect(t->db);
    ask(t, job);
}

static void close_tools(void *tools)
{
    struct tools *t = tools;

    if (t)
        (void)db_free(t->db);
    free(t);
}

static int open_tools(const void *options, void **ret_tools, struct strbuf *err)
{
    const struct database_craft_options *o = options;
    const struct db_options db = {
        .url = o->database_url,
        .application_name = "sluice reporter",
        .connect_timeout_usec = CONNECT_TIMEOUT_USEC,
        .statement_timeout_usec = o->timeout_usec,
        .read_only = true,
        .report_cache = o->cache,
    };
    struct tools *t = calloc(1, sizeof(*t));

    if (t) {
        t->timeout_usec = o->timeout_usec;
        t->db = db_new(&db);
    }
    if (!t || !t->db) {
        close_tools(t);
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    *ret_tools = t;
    return 0;
}

static void cancel(void *tools)
{
    struct tools *t = tools;

    db_cancel(t->db);
}

const struct pool_craft database_craft = {
    .thread_name = "report",
    .open = open_tools,
    .close = close_tools,
    .make = make,
    .cancel = cancel,
};
