/*
 * What became of requests: a row for each run of a message, beside the message's row in the ledger.
 * Of a message whose frame is broken the ledger may count more dead events than its runs do: nobody
 * knows which request they came with.
 */
#include "store/writer_internal.h"

static const char copy_sql[] =
    "COPY request_outcomes (received_at, seq, stored_at, events, stored, duplicates, conflicts,"
    " dead, expired, accepted, rejected, stream, correlation_id) FROM STDIN (FORMAT binary)";

#define COLUMNS 13

/* A replay may find a message whose row in the ledger is lost, and these are not. */
static const char delete_sql[] =
    "DELETE FROM request_outcomes o USING unnest($1::text[], $2::text[], $3::bigint[],"
    " $4::bigint[]) AS x (correlation_id, stream, seq, stored_at)"
    " WHERE o.correlation_id = x.correlation_id AND o.stream = x.stream AND o.seq = x.seq"
    " AND o.stored_at = x.stored_at";

static void put_told(struct strbuf *sb, int64_t count)
{
    if (count < 0)
        wire_field_null(sb);
    else
        wire_field_i32(sb, (int32_t)count);
}

static void put_row(struct strbuf *sb, const struct store_message *m, const struct store_run *run)
{
    wire_field_timestamp(sb, run->received_usec);
    wire_field_i64(sb, (int64_t)m->seq);
    wire_field_i64(sb, m->stored_nsec);
    wire_field_i32(sb, (int32_t)run->events);
    wire_field_i32(sb, (int32_t)run->stored);
    wire_field_i32(sb, (int32_t)run->duplicates);
    wire_field_i32(sb, (int32_t)run->conflicts);
    wire_field_i32(sb, (int32_t)run->dead);
    wire_field_i32(sb, (int32_t)run->expired);
    put_told(sb, run->accepted);
    put_told(sb, run->rejected);
    wire_field_text(sb, span_str(m->stream));
    wire_field_text(sb, run->correlation_id);
}

/* Ids of requests are printable ASCII. Another one is no gateway's: nobody can ask for it, and the
 * database might refuse it and the whole batch with it. */
static bool is_id(struct span id)
{
    for (size_t i = 0; i < id.len; i++)
        if (id.ptr[i] < ' ' || id.ptr[i] > '~')
            return false;
    return id.len > 0;
}

static bool gets_row(const struct write_job *job, const struct store_run *run)
{
    return run->message - job->slice.message_first < job->slice.message_count &&
           !ledger_knows(job, run->message) && is_id(run->correlation_id);
}

static int delete_former(struct write_job *job, struct strbuf *err)
{
    static const enum pg_type types[] = { PG_TEXT, PG_TEXT, PG_INT8, PG_INT8 };
    const struct store_batch *batch = job->batch;
    struct pg_array *columns = job->w->arrays;
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params params = { 0 };
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        pg_array_start(&columns[i], types[i]);
    for (size_t i = 0; i < batch->run_count; i++) {
        const struct store_run *run = &batch->runs[i];
        const struct store_message *m = &batch->messages[run->message];

        if (!gets_row(job, run))
            continue;
        pg_array_text(&columns[0], run->correlation_id);
        pg_array_text(&columns[1], span_str(m->stream));
        pg_array_i64(&columns[2], (int64_t)m->seq);
        pg_array_i64(&columns[3], m->stored_nsec);
    }
    r = arrays_params(job->w, ARRAY_SIZE(types), &params);
    return r < 0 ? r : pg_query(job->w->db, delete_sql, &params, &res, err);
}

static int copy_rows(struct write_job *job, struct strbuf *err)
{
    const struct store_batch *batch = job->batch;
    struct pg_copy *copy = &job->w->copy;
    int r = pg_copy_begin(copy, job->w->db, copy_sql, err);

    for (size_t i = 0; r == 0 && i < batch->run_count; i++) {
        const struct store_run *run = &batch->runs[i];
        const struct store_message *m = &batch->messages[run->message];

        if (!gets_row(job, run))
            continue;
        r = pg_copy_row(copy, COLUMNS, strlen(m->stream) + run->correlation_id.len, err);
        if (r == 0)
            put_row(&copy->buf, m, run);
    }
    return r == 0 ? pg_copy_end(copy, err) : r;
}

int outcomes_copy(struct write_job *job, struct strbuf *err)
{
    int r = job_is_replay(job) ? delete_former(job, err) : 0;

    return r == 0 ? copy_rows(job, err) : r;
}
