/*
 * One batch, one transaction, few round trips: look up what is retained, ledger and keys (one
 * trip), COPY keys, events, revenue, cubes and what became of requests, add and touch users, then
 * their activity, counts, ledger and COMMIT (one trip).
 */
#include "store/writer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/failpoint.h"
#include "store/writer_internal.h"

#define SCRATCH_BLOCK_BYTES (1024 * 1024)
#define SCRATCH_BYTES_MAX (1024 * 1024 * 1024)

/* A batch meets other writers at most this often before it is given back for later. Each time one
 * of them has stored a part of it: it comes to an end. */
#define ATTEMPTS_MAX 20

struct store_writer *store_writer_new(struct db *db)
{
    struct store_writer *w = calloc(1, sizeof(*w));

    if (!w)
        return NULL;
    w->db = db;
    w->stored_keys = key_filter_new();
    w->activity = activity_cache_new();
    w->user_numbers = user_cache_new();
    if (!w->stored_keys || !w->activity || !w->user_numbers) {
        (void)key_filter_free(w->stored_keys);
        (void)activity_cache_free(w->activity);
        (void)user_cache_free(w->user_numbers);
        free(w);
        return NULL;
    }
    arena_init(&w->arena, SCRATCH_BLOCK_BYTES, SCRATCH_BYTES_MAX);
    partition_cache_clear(&w->partitions);
    pg_copy_init(&w->copy);
    for (size_t i = 0; i < ARRAYS_MAX; i++)
        pg_array_init(&w->arrays[i]);
    return w;
}

struct store_writer *store_writer_free(struct store_writer *w)
{
    if (!w)
        return NULL;
    for (size_t i = 0; i < ARRAYS_MAX; i++)
        pg_array_release(&w->arrays[i]);
    pg_copy_release(&w->copy);
    arena_release(&w->arena);
    numbers_release(w);
    w->activity = activity_cache_free(w->activity);
    w->user_numbers = user_cache_free(w->user_numbers);
    w->stored_keys = key_filter_free(w->stored_keys);
    (void)db_free(w->db);
    free(w);
    return NULL;
}

int arrays_params(struct store_writer *w, size_t count, struct pg_params *params)
{
    for (size_t i = 0; i < count; i++) {
        int r = pg_array_param(&w->arrays[i], params);
        if (r < 0)
            return r;
    }
    return 0;
}

static int ensure_partitions(struct write_job *job, struct strbuf *err)
{
    struct store_writer *w = job->w;
    int r = 0;

    for (size_t i = 0; r == 0 && i < job->slice.event_count; i++) {
        const struct store_event *se = &job->batch->events[job->slice.event_first + i];
        if (!se->dead)
            r = partition_ensure(&w->partitions, w->db, clock_day_of(se->event.timestamp_usec),
                                 err);
    }
    return r;
}

static void reset_counts(struct store_batch *batch, const struct batch_slice *slice)
{
    for (size_t i = 0; i < slice->message_count; i++) {
        struct store_message *m = &batch->messages[slice->message_first + i];
        m->seen = false;
        m->stored = m->duplicates = m->conflicts = m->expired = 0;
    }
    for (size_t i = 0; i < batch->run_count; i++) {
        struct store_run *run = &batch->runs[i];
        if (run->message - slice->message_first < slice->message_count)
            run->stored = run->duplicates = run->conflicts = run->expired = 0;
    }
}

static int prepare(struct write_job *job)
{
    int r;

    arena_reset(&job->w->arena);
    if (!job->trial)
        reset_counts(job->batch, &job->slice);
    r = ledger_prepare(job);
    if (r == 0 && job_is_replay(job))
        r = replay_prepare(job);
    return r < 0 ? r : keys_prepare(job);
}

static int begin_and_look_up(struct write_job *job, struct strbuf *err)
{
    bool ask_for_keys = !job->careful || job_is_replay(job);
    struct db *db = job->w->db;
    int r = pg_pipeline_begin(db, err);

    if (r == 0)
        r = pg_pipeline_send(db, "BEGIN", NULL, err);
    if (r == 0)
        r = expiry_send_lookup(job, err);
    if (r == 0)
        r = ledger_send_lookup(job, err);
    if (r == 0 && ask_for_keys)
        r = keys_send_lookup(job, err);
    if (r == 0)
        r = pg_pipeline_sync(db, err);
    if (r == 0)
        r = pg_pipeline_result(db, NULL, err);
    if (r == 0)
        r = expiry_take_lookup(job, err);
    if (r == 0)
        r = ledger_take_lookup(job, err);
    if (r == 0 && ask_for_keys)
        r = keys_take_lookup(job, err);
    return r == 0 ? pg_pipeline_end(db, err) : r;
}

int job_send(struct write_job *job, const char *sql, size_t count, struct strbuf *err)
{
    struct pg_params params = { 0 };
    int r = arrays_params(job->w, count, &params);

    if (r == 0)
        r = pg_pipeline_send(job->w->db, sql, &params, err);
    job->statements++;
    return r;
}

/* Each sends a statement, or none. */
static int send_rest(struct write_job *job, struct strbuf *err)
{
    static int (*const derived[])(struct write_job *, struct strbuf *) = {
        attributes_send,
        activity_send,
        counts_send,
        revenue_totals_send,
    };
    struct db *db = job->w->db;
    int r = pg_pipeline_begin(db, err);

    job->statements = 0;
    for (size_t i = 0; r == 0 && job->fresh_count && i < ARRAY_SIZE(derived); i++)
        r = derived[i](job, err);
    if (r == 0 && !job->trial && ledger_has_rows(job))
        r = ledger_send_rows(job, err);
    if (r == 0)
        r = pg_pipeline_send(db, job->trial ? "ROLLBACK" : "COMMIT", NULL, err);
    return r;
}

static int take_rest(struct write_job *job, bool *ret_at_commit, struct strbuf *err)
{
    struct db *db = job->w->db;
    int r = 0;

    for (size_t i = 0; r == 0 && i < job->statements; i++)
        r = pg_pipeline_result(db, NULL, err);
    *ret_at_commit = r == 0;
    return r == 0 ? pg_pipeline_result(db, NULL, err) : r;
}

/* Once COMMIT is on its way, silence may mean that it happened. An error of a statement before it
 * says that it did not; one in its own place does so only while the connection lives (a backend
 * that is terminated while it waits for a standby has committed). */
static bool may_have_committed(const struct write_job *job, bool at_commit)
{
    const struct pg_failure *failure = &job->w->db->failure;

    if (job->trial)
        return false;
    return failure->lost && (at_commit || !failure->sqlstate[0]);
}

static int finish(struct write_job *job, struct strbuf *err)
{
    struct db *db = job->w->db;
    bool at_commit = false;
    int r = send_rest(job, err);

    if (r != 0)
        return r;
    r = pg_pipeline_sync(db, err);
    if (r == 0)
        r = take_rest(job, &at_commit, err);
    if (r != 0)
        return may_have_committed(job, at_commit) ? DB_UNKNOWN : r;
    /* It is committed; what is left is to find the end of the pipeline. */
    if (pg_pipeline_end(db, err) != 0)
        db_disconnect(db);
    return 0;
}

static int attempt(struct write_job *job, struct strbuf *err)
{
    int r = ensure_partitions(job, err);

    if (r == 0)
        r = numbers_take(job, err);
    if (r == 0)
        r = prepare(job);
    if (r == 0)
        r = begin_and_look_up(job, err);
    if (r == 0)
        r = keys_register(job, err);
    if (r == 0 && job_is_replay(job))
        r = replay_mend(job, err);
    failpoint("writer.after_keys");
    if (r == 0 && job->fresh_count)
        r = events_copy(job, err);
    if (r == 0)
        r = revenue_copy(job, err);
    if (r == 0 && job->fresh_count)
        r = cubes_copy(job, err);
    if (r == 0 && !job->trial && ledger_has_rows(job))
        r = outcomes_copy(job, err);
    if (r == 0 && job->fresh_count)
        r = users_store(job, err);
    failpoint("writer.before_commit");
    return r == 0 ? finish(job, err) : r;
}

/* What an attempt ran into that the next one knows how to avoid. */
static bool is_worth_another(struct write_job *job)
{
    const struct db *db = job->w->db;

    if (pg_failed_with(db, "23505")) {
        if (!job->ask_all)
            key_filter_missed(job->w->stored_keys);
        job->careful = job->ask_all;
        job->ask_all = true;
        return true;
    }
    if (job->numbers_distrusted) {
        job->numbers_distrusted = false;
        return true;
    }
    if (pg_failed_with(db, "23514") && !db->failure.constrained) {
        partition_cache_clear(&job->w->partitions);
        return true;
    }
    return false;
}

/* With the connection goes what is known of the database behind it: the next one may lead to a
 * standby that has not got the last transactions. */
static void forget_database(struct store_writer *w)
{
    numbers_forget(w);
    activity_cache_clear(w->activity);
    user_cache_clear(w->user_numbers);
}

static int connect_job(struct write_job *job, struct strbuf *err)
{
    struct store_writer *w = job->w;
    bool is_connected = w->db->conn && PQstatus(w->db->conn) == CONNECTION_OK;
    int r = db_connect(w->db, err);

    if (is_connected || r != 0)
        return r;
    forget_database(w);
    /* Rows are found one after the other in the order in which they were asked for, which is that
     * of their locks. */
    r = pg_exec(w->db, "SET enable_hashjoin = off; SET enable_mergejoin = off", err);
    if (r != 0)
        pg_abandon(w->db);
    return r;
}

static int run(struct write_job *job, struct strbuf *err)
{
    int r = DB_RETRY;

    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        r = connect_job(job, err);
        if (r != 0)
            return r;
        r = attempt(job, err);
        if (r == 0)
            return 0;
        pg_abandon(job->w->db);
        if (r != DB_RETRY || !is_worth_another(job))
            return r;
    }
    return r;
}

static int write_slice(struct store_writer *w, struct store_batch *batch,
                       const struct batch_slice *slice, struct strbuf *err)
{
    struct write_job job = {
        .w = w,
        .batch = batch,
        .slice = *slice,
        .ask_all = batch->replay || !key_filter_is_trusted(w->stored_keys),
    };
    int r = run(&job, err);

    if (r != 0) {
        reset_counts(batch, slice);
        return r;
    }
    keys_remember(&job);
    if (job.fresh_count) {
        numbers_settle(&job);
        users_remember(&job);
        activity_remember(&job);
    }
    for (size_t i = slice->message_first; i < slice->message_first + slice->message_count; i++)
        batch->messages[i].seen = job.seen[i] || (batch->replay && job.recorded[i]);
    batch->mended.restored += job.mended.restored;
    batch->mended.rekeyed += job.mended.rekeyed;
    batch->mended.added += job.mended.added;
    batch->mended.unclear += job.mended.unclear;
    return 0;
}

int store_write(struct store_writer *w, struct store_batch *batch, struct strbuf *err)
{
    struct batch_slice slice = { 0 };
    int r = 0;

    while (r == 0 && slice_next(batch, &slice))
        r = write_slice(w, batch, &slice, err);
    return r;
}

int store_try(struct store_writer *w, struct store_batch *batch, size_t first, size_t count,
              struct strbuf *err)
{
    struct write_job job = {
        .w = w,
        .batch = batch,
        .slice = { .message_count = batch->message_count,
                   .event_first = first,
                   .event_count = count },
        .trial = true,
    };

    return run(&job, err);
}
