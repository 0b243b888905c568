/*
 * What a replay does beside a first delivery (store/replay.h). The sets of store_replay only say
 * where to look: whether an event row is there is asked again here, in the transaction and with the
 * event's key locked, so that it stays as it was found.
 *
 * Keys are locked by key after the new ones were inserted by key: whoever waits for a lock holds no
 * insert that the holder could wait for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/writer_internal.h"

static const char lock_sql[] =
    "SELECT FROM event_keys WHERE event_key = ANY ($1::uuid[]) ORDER BY event_key FOR UPDATE";

/* Events are not indexed by key; the bounds tell the partitions, and the pages where events came
 * in the order of time. */
static const char rows_sql[] =
    "SELECT x.i, (e.correlation_id = x.correlation_id AND e.received_at = x.received_at)::int"
    "::bigint FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) WITH ORDINALITY"
    " AS x (event_key, correlation_id, received_at, i) JOIN processed_events e USING (event_key)"
    " WHERE e.timestamp BETWEEN $4::timestamptz AND $5::timestamptz";

static const char revenue_sql[] =
    "SELECT x.i FROM unnest($1::uuid[]) WITH ORDINALITY AS x (event_key, i)"
    " JOIN revenue_transactions r USING (event_key)"
    " WHERE r.timestamp BETWEEN $2::timestamptz AND $3::timestamptz";

enum kind {
    ROW_MISSING, /* its key is there, its row perhaps not */
    KEY_MISSING, /* its key is new, its row perhaps not */
    IS_STORED,   /* perhaps by this message, whose ledger row is lost */
};

struct candidate {
    uint32_t event;
    enum kind kind;
    bool found;        /* its row is there */
    bool same_request; /* and came with the request that the message holds */
};

struct candidates {
    struct candidate *list;
    size_t count;
};

/* When events happened, first and last. */
struct bounds {
    int64_t first, last;
    char from[TIMESTAMP_TEXT_MAX], to[TIMESTAMP_TEXT_MAX];
};
#define BOUNDS_NONE ((struct bounds){ .first = INT64_MAX, .last = INT64_MIN })

static void bounds_add(struct bounds *b, const struct store_event *se)
{
    b->first = MIN(b->first, se->event.timestamp_usec);
    b->last = MAX(b->last, se->event.timestamp_usec);
}

static void bounds_params(struct bounds *b, struct pg_params *params)
{
    (void)timestamp_format(b->first, b->from);
    (void)timestamp_format(b->last, b->to);
    pg_param_text(params, b->from);
    pg_param_text(params, b->to);
}

int replay_prepare(struct write_job *job)
{
    size_t n = job->batch->message_count;

    job->mended = (struct store_replay_counts){ 0 };
    job->recorded = arena_zalloc(&job->w->arena, n * sizeof(*job->recorded));
    job->recorded_dead = arena_zalloc(&job->w->arena, n * sizeof(*job->recorded_dead));
    return job->recorded && job->recorded_dead ? 0 : -ENOMEM;
}

static struct store_event *slot_event(const struct write_job *job, const struct key_slot *slot)
{
    return &job->batch->events[slot->event];
}

static size_t group_end(const struct write_job *job, size_t i)
{
    size_t end = i + 1;

    while (end < job->slot_count && key_number_compare(job->slots[i].key, job->slots[end].key) == 0)
        end++;
    return end;
}

/* Neither its key nor its row is there. Was it lost, or was it a dead letter that this version
 * could read? Where the ledger counts other dead ones than there are now, nobody knows. */
static bool is_unclear(const struct write_job *job, const struct key_slot *slot)
{
    uint32_t message = slot_event(job, slot)->message;

    return job->recorded[message] &&
           job->recorded_dead[message] != job->batch->messages[message].dead;
}

void replay_leave_unclear(struct write_job *job)
{
    size_t kept = 0;

    for (size_t i = 0; i < job->slot_count;) {
        size_t end = group_end(job, i);
        bool clear =
            job->slots[i].known || key_set_has(&job->batch->replay->keyless, job->slots[i].key);
        for (size_t head = i; i < end; i++) {
            if (clear || !is_unclear(job, &job->slots[i])) {
                struct key_slot slot = job->slots[i];
                slot.known = job->slots[head].known;
                slot.digest = job->slots[head].digest;
                job->slots[kept++] = slot;
            } else {
                job->mended.unclear++;
            }
        }
    }
    job->slot_count = kept;
}

static bool is_lost_message(const struct write_job *job, uint32_t event)
{
    uint32_t message = job->batch->events[event].message;

    return job->batch->messages[message].acked && !job->recorded[message];
}

static void add(struct candidates *c, uint32_t event, enum kind kind)
{
    c->list[c->count++] = (struct candidate){ .event = event, .kind = kind };
}

/* Of events that share a key, the one that may be the stored one: of its payload, and for the
 * count of a lost message, of that message. */
static void add_known(struct write_job *job, size_t first, size_t end, struct candidates *c)
{
    bool rowless = key_set_has(&job->batch->replay->rowless, job->slots[first].key);

    for (size_t i = first; i < end; i++) {
        const struct key_slot *slot = &job->slots[i];
        if (slot_event(job, slot)->digest != job->slots[first].digest)
            continue;
        if (!rowless && !is_lost_message(job, slot->event))
            continue;
        add(c, slot->event, rowless ? ROW_MISSING : IS_STORED);
        return;
    }
}

static void find_candidates(struct write_job *job, struct candidates *c)
{
    const struct store_replay *replay = job->batch->replay;

    for (size_t i = 0; i < job->slot_count;) {
        const struct key_slot *first = &job->slots[i];
        size_t end = group_end(job, i);
        if (!first->fresh)
            add_known(job, i, end, c);
        else if (key_set_has(&replay->keyless, first->key))
            add(c, first->event, KEY_MISSING);
        i = end;
    }
}

static int lock_keys(struct write_job *job, const struct candidates *c, struct strbuf *err)
{
    struct pg_array *keys = &job->w->arrays[0];
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params params = { 0 };
    int r;

    pg_array_start(keys, PG_UUID);
    for (size_t i = 0; i < c->count; i++)
        if (c->list[i].kind == ROW_MISSING)
            pg_array_key(keys, &job->batch->events[c->list[i].event].key);
    r = arrays_params(job->w, 1, &params);
    return r < 0 ? r : pg_query(job->w->db, lock_sql, &params, &res, err);
}

static int rows_params(struct write_job *job, const struct candidates *c, struct pg_params *params,
                       struct bounds *bounds)
{
    static const enum pg_type types[] = { PG_UUID, PG_TEXT, PG_TIMESTAMPTZ };
    struct pg_array *columns = job->w->arrays;
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        pg_array_start(&columns[i], types[i]);
    for (size_t i = 0; i < c->count; i++) {
        const struct store_event *se = &job->batch->events[c->list[i].event];
        pg_array_key(&columns[0], &se->key);
        pg_array_text(&columns[1], se->correlation_id);
        pg_array_timestamp(&columns[2], se->received_usec);
        bounds_add(bounds, se);
    }
    r = arrays_params(job->w, ARRAY_SIZE(types), params);
    bounds_params(bounds, params);
    return r;
}

static int look_for_rows(struct write_job *job, const struct candidates *c, struct strbuf *err)
{
    struct pg_params params = { .binary_results = true };
    struct bounds bounds = BOUNDS_NONE;
    _cleanup_result_ PGresult *res = NULL;
    int r = rows_params(job, c, &params, &bounds);

    if (r == 0)
        r = pg_query(job->w->db, rows_sql, &params, &res, err);
    if (r != 0)
        return r;
    for (int row = 0; row < PQntuples(res); row++) {
        struct candidate *found = &c->list[wire_get_i64(PQgetvalue(res, row, 0)) - 1];
        found->found = true;
        found->same_request = wire_get_i64(PQgetvalue(res, row, 1)) != 0;
    }
    return 0;
}

/* The event counts in its message as stored (or no longer). */
static void count_as_stored(struct write_job *job, uint32_t event, int by)
{
    const struct store_event *se = &job->batch->events[event];
    struct store_message *m = event_message(job, se);
    struct store_run *run = event_run(job, se);

    if (job->trial)
        return;
    m->stored += (uint32_t)by;
    m->duplicates -= (uint32_t)by;
    run->stored += (uint32_t)by;
    run->duplicates -= (uint32_t)by;
}

static int compare_indices(const void *pa, const void *pb)
{
    const uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

    return a < b ? -1 : a > b;
}

static void settle(struct write_job *job, const struct candidate *c, bool *has_row)
{
    bool lost = is_lost_message(job, c->event);

    if (c->kind == ROW_MISSING && !c->found) {
        job->fresh[job->fresh_count++] = c->event;
        job->batch->events[c->event].restored = true;
        job->mended.restored++;
        if (lost)
            count_as_stored(job, c->event, 1);
    } else if (c->kind == KEY_MISSING && c->found) {
        has_row[c->event - job->slice.event_first] = true;
        job->mended.added -= job->recorded[job->batch->events[c->event].message];
        job->mended.rekeyed++;
        if (!lost || !c->same_request)
            count_as_stored(job, c->event, -1);
    } else if (c->kind != KEY_MISSING && lost && c->same_request) {
        count_as_stored(job, c->event, 1);
    }
}

static void drop_stored(struct write_job *job, const bool *has_row)
{
    size_t kept = 0;

    for (size_t i = 0; i < job->fresh_count; i++)
        if (!has_row[job->fresh[i] - job->slice.event_first])
            job->fresh[kept++] = job->fresh[i];
    job->fresh_count = kept;
}

/* New ones of messages that were stored before: keys and rows were lost together. What the ledger
 * has counted, the rollups have counted with it. */
static void count_added(struct write_job *job)
{
    for (size_t i = 0; i < job->fresh_count; i++) {
        struct store_event *se = job_event(job, i);
        se->restored = job->recorded[se->message];
        job->mended.added += se->restored;
    }
}

/* Their revenue may have stayed when the events were lost. */
static int look_for_revenue(struct write_job *job, struct strbuf *err)
{
    struct pg_params params = { .binary_results = true };
    struct pg_array *keys = &job->w->arrays[0];
    _cleanup_result_ PGresult *res = NULL;
    struct bounds bounds = BOUNDS_NONE;
    int r;

    pg_array_start(keys, PG_UUID);
    for (size_t i = 0; i < job->fresh_count; i++) {
        struct store_event *se = job_event(job, i);
        se->has_revenue = false;
        pg_array_key(keys, &se->key);
        bounds_add(&bounds, se);
    }
    r = arrays_params(job->w, 1, &params);
    bounds_params(&bounds, &params);
    if (r == 0)
        r = pg_query(job->w->db, revenue_sql, &params, &res, err);
    for (int row = 0; r == 0 && row < PQntuples(res); row++)
        job_event(job, (size_t)wire_get_i64(PQgetvalue(res, row, 0)) - 1)->has_revenue = true;
    return r;
}

int replay_mend(struct write_job *job, struct strbuf *err)
{
    struct candidates c = { 0 };
    bool *has_row;
    int r;

    c.list = arena_array(&job->w->arena, struct candidate, job->slot_count);
    has_row = arena_zalloc(&job->w->arena, job->slice.event_count);
    if (!c.list || !has_row)
        return -ENOMEM;
    find_candidates(job, &c);
    if (c.count) {
        r = lock_keys(job, &c, err);
        if (r == 0)
            r = look_for_rows(job, &c, err);
        if (r != 0)
            return r;
    }
    count_added(job);
    for (size_t i = 0; i < c.count; i++)
        settle(job, &c.list[i], has_row);
    drop_stored(job, has_row);
    qsort(job->fresh, job->fresh_count, sizeof(*job->fresh), compare_indices);
    return job->fresh_count ? look_for_revenue(job, err) : 0;
}
