/* The second half of a worker: writes what was handed over, then acks it. With the database away it
 * holds its batch and tries again; nothing is lost, nothing is dead for that. */
#include <errno.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "collector/worker.h"
#include "ingest/work_dead.h"

#define ERROR_TEXT_MAX 2048

bool write_wait(struct worker *w, struct backoff *backoff, int outcome, const char *what,
                const struct strbuf *err)
{
    struct collector *c = w->c;
    bool person = outcome == DB_REFUSED || outcome == DB_DATA_FAULT;
    uint64_t delay = person ? backoff_slow(backoff) : backoff_next(backoff);

    metric_add(c->figures.retries, 1);
    if (outcome == DB_REFUSED)
        atomic_store(&c->schema_ready, false); /* the schema may be gone: look again */
    log_at(c->log, person ? LOG_ERROR : LOG_WARN, "store.retry", what, KV_BUF("error", err),
           KV_UINT("attempt", backoff->attempts), KV_UINT("inMilliseconds", delay / 1000),
           KV_STR("then", "the batch is kept and tried again"));
    return !halt_is_set(&c->stopping) && !halt_wait(&c->stopping, delay);
}

/* The tables are made by db_watch.c. */
static bool wait_for_schema(struct collector *c)
{
    while (!atomic_load(&c->schema_ready))
        if (halt_wait(&c->stopping, BACKOFF_MIN_USEC))
            return false;
    return true;
}

static int write_once(struct worker *w, struct work *work, bool alone, struct strbuf *err)
{
    struct store_batch batch = work_batch(work);
    uint64_t begun = clock_mono_usec();
    int r;

    if (!alone)
        (void)pthread_rwlock_rdlock(&w->c->company);
    r = store_write(w->store, &batch, err);
    if (!alone)
        (void)pthread_rwlock_unlock(&w->c->company);
    if (r == 0) {
        uint64_t took = clock_mono_usec() - begun;

        metric_observe(w->c->figures.commit_seconds, (double)took / 1e6);
        log_batch(w, work, took);
    }
    return r;
}

/* One attempt: 0 committed, -EAGAIN go on at once, else wait. */
static int attempt(struct worker *w, struct work *work, bool alone, struct strbuf *err)
{
    size_t found = 0;
    int r;

    r = dead_letters_publish(w, work, err);
    if (r != 0 || work->message_count == 0)
        return r;
    failpoint("collector.before_commit");
    r = write_once(w, work, alone, err);
    if (r != DB_DATA_FAULT)
        return r;
    r = work_isolate(work, w->store, &found, err);
    if (r == 0)
        r = found > 0 ? -EAGAIN : DB_DATA_FAULT;
    return r;
}

int write_settle(struct worker *w, struct work *work, bool alone)
{
    _cleanup_strbuf_ struct strbuf err;
    struct backoff backoff = { 0 };
    int r;

    strbuf_init(&err, ERROR_TEXT_MAX);
    for (;;) {
        if (!wait_for_schema(w->c))
            return -ECANCELED;
        strbuf_reset(&err);
        r = attempt(w, work, alone, &err);
        if (r == 0)
            break;
        if (r != -EAGAIN && !write_wait(w, &backoff, r, "a batch could not be stored", &err))
            return -ECANCELED;
    }
    failpoint("collector.after_commit");
    figures_committed(&w->c->figures, work);
    if (work->message_count > 0)
        atomic_store(&w->c->committed_nsec, work->messages[work->message_count - 1].stored_nsec);
    return 0;
}

static void settle_and_answer(struct worker *w, struct work *work)
{
    int r = write_settle(w, work, /* alone= */ false);

    work_answer(work, w->c->bus, r == 0 ? BUS_ACK : BUS_NAK);
}

void *write_run(void *worker)
{
    struct worker *w = worker;
    int slot;

    while ((slot = exchange_take_ready(&w->exchange)) >= 0) {
        struct work *work = &w->works[slot];

        if (work->suspect && wait_for_schema(w->c))
            suspects_settle(w, work);
        else if (!work->suspect)
            settle_and_answer(w, work);
        else
            work_answer(work, w->c->bus, BUS_NAK);
        worker_forget(w, work);
        exchange_done(&w->exchange, slot);
    }
    atomic_fetch_sub(&w->c->workers_running, 1);
    return NULL;
}
