/* One line a batch. A person who follows a request's correlation id finds it here: small batches
 * name all of theirs, large ones (bulk loads, backlogs) only on the debug level, a line a request.
 */
#include "collector/worker.h"

#define RUNS_NAMED_MAX 20
#define IDS_TEXT_MAX 3000

static void log_runs(const struct worker *w, const struct work *work)
{
    if (!log_enabled(w->c->log, LOG_DEBUG))
        return;
    for (size_t i = 0; i < work->run_count; i++)
        log_debug(w->c->log, "request.stored", "events of a request are committed",
                  KV_CORRELATION(work->runs[i].correlation_id),
                  KV_UINT("events", work->runs[i].events));
}

static void join_ids(const struct work *work, struct strbuf *out)
{
    for (size_t i = 0; i < work->run_count; i++) {
        if (i > 0)
            (void)strbuf_addc(out, ',');
        (void)strbuf_addspan(out, work->runs[i].correlation_id);
    }
}

void log_batch(const struct worker *w, const struct work *work, uint64_t commit_usec)
{
    _cleanup_strbuf_ struct strbuf ids;
    uint64_t stored = 0, duplicates = 0, conflicts = 0, expired = 0, dead = 0, seen = 0;
    bool named = work->run_count <= RUNS_NAMED_MAX;

    if (!log_enabled(w->c->log, LOG_INFO))
        return;
    for (size_t i = 0; i < work->message_count; i++) {
        const struct store_message *m = &work->messages[i];

        stored += m->stored;
        duplicates += m->duplicates;
        conflicts += m->conflicts;
        expired += m->expired;
        dead += m->dead;
        seen += m->seen;
    }
    strbuf_init(&ids, IDS_TEXT_MAX);
    if (named)
        join_ids(work, &ids);
    else
        log_runs(w, work);
    log_info(w->c->log, "batch.stored", "a batch is committed",
             work->run_count == 1 ? KV_CORRELATION(strbuf_span(&ids))
             : named              ? KV_BUF("correlationIds", &ids)
                     : KV_STR("correlationIds", "too many, one line each at level debug"),
             KV_UINT("requests", work->run_count), KV_UINT("messages", work->message_count),
             KV_UINT("events", work->event_count), KV_UINT("stored", stored),
             KV_UINT("duplicates", duplicates), KV_UINT("conflicts", conflicts),
             KV_UINT("expired", expired), KV_UINT("dead", dead), KV_UINT("messagesSeen", seen),
             KV_DBL("commitMilliseconds", (double)commit_usec / 1e3));
}
