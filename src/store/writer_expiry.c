/*
 * Events older than what is retained are never stored; they are counted. The boundary is read first
 * thing in the transaction, under a lock that keeps it where it is until the end (the migration
 * that made hold_retained_from() says how).
 */
#include "store/writer_internal.h"

static const char lookup_sql[] = "SELECT hold_retained_from()";

int expiry_send_lookup(struct write_job *job, struct strbuf *err)
{
    const struct pg_params params = { .binary_results = true };

    return pg_pipeline_send(job->w->db, lookup_sql, &params, err);
}

int expiry_take_lookup(struct write_job *job, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    int64_t wire = WIRE_TIMESTAMP_NOBEGIN;
    int r = pg_pipeline_result(job->w->db, &res, err);

    if (r != 0)
        return r;
    if (!PQgetisnull(res, 0, 0))
        wire = wire_get_i64(PQgetvalue(res, 0, 0));
    job->retained_usec = wire == WIRE_TIMESTAMP_NOBEGIN ? INT64_MIN : wire + WIRE_EPOCH_USEC;
    return 0;
}

bool expiry_takes(struct write_job *job, const struct store_event *se)
{
    if (se->event.timestamp_usec >= job->retained_usec)
        return false;
    if (!job->trial) {
        event_message(job, se)->expired++;
        event_run(job, se)->expired++;
    }
    return true;
}
