/* Which messages were stored before, and the rows that will tell so of these. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/writer_internal.h"

static const char lookup_sql[] =
    "SELECT x.i, dead::bigint FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY"
    " AS x (stream, seq, stored_at, i) JOIN ledger USING (stream, seq, stored_at)";

/* No ON CONFLICT: a row that has come since the lookup fails the transaction, and the next attempt
 * sees it. */
static const char insert_sql[] =
    "INSERT INTO ledger (stream, seq, stored_at, events, stored, duplicates, conflicts, dead, "
    "expired)"
    " SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::integer[], $5::integer[],"
    " $6::integer[], $7::integer[], $8::integer[], $9::integer[])";

static int compare_messages(const void *pa, const void *pb, void *ctx)
{
    const struct store_message *messages = ctx;
    const uint32_t ia = *(const uint32_t *)pa, ib = *(const uint32_t *)pb;
    const struct store_message *a = &messages[ia], *b = &messages[ib];
    int c = strcmp(a->stream, b->stream);

    if (c != 0)
        return c;
    if (a->seq != b->seq)
        return a->seq < b->seq ? -1 : 1;
    if (a->stored_nsec != b->stored_nsec)
        return a->stored_nsec < b->stored_nsec ? -1 : 1;
    return ia < ib ? -1 : ia > ib;
}

static bool same_message(const struct store_message *a, const struct store_message *b)
{
    return a->seq == b->seq && a->stored_nsec == b->stored_nsec &&
           strcmp(a->stream, b->stream) == 0;
}

int ledger_prepare(struct write_job *job)
{
    struct store_message *messages = job->batch->messages;
    size_t n = job->slice.message_count;

    job->messages = arena_array(&job->w->arena, uint32_t, n);
    job->seen = arena_zalloc(&job->w->arena, job->batch->message_count);
    if (!job->messages || !job->seen)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        job->messages[i] = (uint32_t)(job->slice.message_first + i);
    qsort_r(job->messages, n, sizeof(*job->messages), compare_messages, messages);
    /* Delivered twice into one batch: the second is as good as seen. */
    for (size_t i = 1; i < n; i++)
        if (same_message(&messages[job->messages[i - 1]], &messages[job->messages[i]]))
            job->seen[job->messages[i]] = true;
    return 0;
}

/* Columns 0 to 2: what names a message. */
static void start_names(struct store_writer *w)
{
    pg_array_start(&w->arrays[0], PG_TEXT);
    pg_array_start(&w->arrays[1], PG_INT8);
    pg_array_start(&w->arrays[2], PG_INT8);
}

static void add_name(struct store_writer *w, const struct store_message *m)
{
    pg_array_text(&w->arrays[0], span_str(m->stream));
    pg_array_i64(&w->arrays[1], (int64_t)m->seq);
    pg_array_i64(&w->arrays[2], m->stored_nsec);
}

int ledger_send_lookup(struct write_job *job, struct strbuf *err)
{
    struct pg_params params = { .binary_results = true };
    struct store_writer *w = job->w;
    int r;

    start_names(w);
    for (size_t i = 0; i < job->slice.message_count; i++)
        add_name(w, &job->batch->messages[job->messages[i]]);
    r = arrays_params(w, 3, &params);
    return r < 0 ? r : pg_pipeline_send(w->db, lookup_sql, &params, err);
}

int ledger_take_lookup(struct write_job *job, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    int r = pg_pipeline_result(job->w->db, &res, err);

    if (r != 0)
        return r;
    for (int row = 0; row < PQntuples(res); row++) {
        uint32_t message = job->messages[wire_get_i64(PQgetvalue(res, row, 0)) - 1];
        if (job_is_replay(job))
            job->recorded_dead[message] = (uint32_t)wire_get_i64(PQgetvalue(res, row, 1));
        *(job_is_replay(job) ? &job->recorded[message] : &job->seen[message]) = true;
    }
    return 0;
}

bool ledger_knows(const struct write_job *job, uint32_t message)
{
    return job->seen[message] || (job_is_replay(job) && job->recorded[message]);
}

static void add_counts(struct store_writer *w, const struct store_message *m)
{
    pg_array_i32(&w->arrays[3], (int32_t)m->events);
    pg_array_i32(&w->arrays[4], (int32_t)m->stored);
    pg_array_i32(&w->arrays[5], (int32_t)m->duplicates);
    pg_array_i32(&w->arrays[6], (int32_t)m->conflicts);
    pg_array_i32(&w->arrays[7], (int32_t)m->dead);
    pg_array_i32(&w->arrays[8], (int32_t)m->expired);
}

bool ledger_has_rows(const struct write_job *job)
{
    for (size_t i = 0; i < job->slice.message_count; i++)
        if (!ledger_knows(job, job->messages[i]))
            return true;
    return false;
}

int ledger_send_rows(struct write_job *job, struct strbuf *err)
{
    struct store_writer *w = job->w;

    start_names(w);
    for (int column = 3; column < 9; column++)
        pg_array_start(&w->arrays[column], PG_INT4);
    for (size_t i = 0; i < job->slice.message_count; i++) {
        uint32_t message = job->messages[i];
        if (ledger_knows(job, message))
            continue;
        add_name(w, &job->batch->messages[message]);
        add_counts(w, &job->batch->messages[message]);
    }
    return job_send(job, insert_sql, 9, err);
}
