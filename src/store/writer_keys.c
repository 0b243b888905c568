/*
 * The register of event keys: which events are new.
 *
 * The fast way copies the keys in and asks before only for those that a filter in memory suspects
 * to be stored. A stored key that it did not suspect breaks the COPY (23505): the batch is done
 * again, with every key looked up. A key that another writer commits in between breaks that too,
 * and the batch is done the careful way: INSERT ... ON CONFLICT DO NOTHING, which waits for the
 * other writer and says for each key who won.
 */
#include <errno.h>
#include <stdlib.h>

#include "store/writer_internal.h"

static const char lookup_sql[] =
    "SELECT event_key, digest FROM event_keys WHERE event_key = ANY ($1::uuid[])";
static const char copy_sql[] =
    "COPY event_keys (event_key, digest, event_day, stored_day, event_at) FROM STDIN (FORMAT "
    "binary)";
static const char insert_sql[] =
    "INSERT INTO event_keys (event_key, digest, event_day, stored_day, event_at)"
    " SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::date[], $4::date[], $5::timestamptz[])"
    " ON CONFLICT DO NOTHING RETURNING event_key";

static bool same_key(const struct key_slot *a, const struct key_slot *b)
{
    return key_number_compare(a->key, b->key) == 0;
}

/* By key; events of one key in the order of the batch, so that the first one wins. */
static int compare_slots(const void *pa, const void *pb)
{
    const struct key_slot *a = pa, *b = pb;
    int c = key_number_compare(a->key, b->key);

    return c ? c : a->event < b->event ? -1 : a->event > b->event;
}

int keys_prepare(struct write_job *job)
{
    const struct batch_slice *slice = &job->slice;
    size_t n = 0;

    job->slots = arena_array(&job->w->arena, struct key_slot, slice->event_count);
    job->fresh = arena_array(&job->w->arena, uint32_t, slice->event_count);
    if (!job->slots || !job->fresh)
        return -ENOMEM;
    for (size_t i = slice->event_first; i < slice->event_first + slice->event_count; i++) {
        const struct store_event *se = &job->batch->events[i];
        struct key_slot *slot = &job->slots[n];
        if (se->dead || job->seen[se->message])
            continue;
        *slot = (struct key_slot){ .event = (uint32_t)i, .key = key_number_of(se->key.bytes) };
        slot->asked = job->ask_all || key_filter_may_hold(job->w->stored_keys, slot->key);
        n++;
    }
    qsort(job->slots, n, sizeof(*job->slots), compare_slots);
    job->slot_count = n;
    return 0;
}

/* The end of the slots that share the key of slot `i`. */
static size_t group_end(const struct write_job *job, size_t i)
{
    size_t end = i + 1;

    while (end < job->slot_count && same_key(&job->slots[i], &job->slots[end]))
        end++;
    return end;
}

static const struct event_key *slot_key(const struct write_job *job, const struct key_slot *slot)
{
    return &job->batch->events[slot->event].key;
}

/* The first slot of a key, or NULL. */
static struct key_slot *find_key(const struct write_job *job, const void *bytes)
{
    size_t low = 0, high = job->slot_count;
    struct key_number key = key_number_of(bytes);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (key_number_compare(job->slots[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == job->slot_count || key_number_compare(job->slots[low].key, key) != 0)
        return NULL;
    return &job->slots[low];
}

/* Parameter 1: the distinct keys to ask for, sorted; without those that are `fresh` already. */
static int key_params(struct write_job *job, struct pg_params *params)
{
    struct pg_array *keys = &job->w->arrays[0];

    pg_array_start(keys, PG_UUID);
    for (size_t i = 0; i < job->slot_count; i = group_end(job, i))
        if (job->slots[i].asked && !job->slots[i].fresh)
            pg_array_key(keys, slot_key(job, &job->slots[i]));
    return arrays_params(job->w, 1, params);
}

int keys_send_lookup(struct write_job *job, struct strbuf *err)
{
    struct pg_params params = { .binary_results = true };
    int r = key_params(job, &params);

    return r < 0 ? r : pg_pipeline_send(job->w->db, lookup_sql, &params, err);
}

static void note_known(struct write_job *job, const PGresult *res)
{
    for (int row = 0; row < PQntuples(res); row++) {
        struct key_slot *slot = find_key(job, PQgetvalue(res, row, 0));
        if (!slot)
            continue;
        slot->known = true;
        slot->digest = (uint64_t)wire_get_i64(PQgetvalue(res, row, 1));
    }
}

int keys_take_lookup(struct write_job *job, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    int r = pg_pipeline_result(job->w->db, &res, err);

    if (r == 0)
        note_known(job, res);
    return r;
}

static bool is_out(struct write_job *job, const struct key_slot *slot)
{
    const struct store_event *se = &job->batch->events[slot->event];

    return job->seen[se->message] || expiry_takes(job, se);
}

/* The lookup went out together with those of the ledger and the boundary: leave out what the ledger
 * has and what is expired. */
static void drop_what_is_out(struct write_job *job)
{
    size_t kept = 0;

    for (size_t i = 0; i < job->slot_count;) {
        size_t end = group_end(job, i), head = kept;
        const struct key_slot first = job->slots[i];
        for (; i < end; i++)
            if (!is_out(job, &job->slots[i]))
                job->slots[kept++] = job->slots[i];
        if (kept > head) {
            job->slots[head].known = first.known;
            job->slots[head].digest = first.digest;
        }
    }
    job->slot_count = kept;
}

static void put_key_row(struct strbuf *sb, const struct store_event *se, int64_t today)
{
    wire_field_bytes(sb, se->key.bytes, EVENT_KEY_BYTES);
    wire_field_i64(sb, (int64_t)se->digest);
    wire_field_date(sb, clock_day_of(se->event.timestamp_usec));
    wire_field_date(sb, today);
    wire_field_timestamp(sb, se->event.timestamp_usec);
}

static int copy_unknown(struct write_job *job, struct strbuf *err)
{
    struct pg_copy *copy = &job->w->copy;
    int64_t today = clock_day_of(clock_wall_usec());
    int r = pg_copy_begin(copy, job->w->db, copy_sql, err);

    for (size_t i = 0; r == 0 && i < job->slot_count; i = group_end(job, i)) {
        struct key_slot *slot = &job->slots[i];
        if (slot->known)
            continue;
        slot->fresh = true;
        r = pg_copy_row(copy, 5, EVENT_KEY_BYTES, err);
        if (r == 0)
            put_key_row(&copy->buf, &job->batch->events[slot->event], today);
    }
    return r == 0 ? pg_copy_end(copy, err) : r;
}

static int insert_params(struct write_job *job, struct pg_params *params)
{
    static const enum pg_type types[] = { PG_UUID, PG_INT8, PG_DATE, PG_DATE, PG_TIMESTAMPTZ };
    struct pg_array *columns = job->w->arrays;
    int64_t today = clock_day_of(clock_wall_usec());

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        pg_array_start(&columns[i], types[i]);
    for (size_t i = 0; i < job->slot_count; i = group_end(job, i)) {
        const struct store_event *se = &job->batch->events[job->slots[i].event];
        pg_array_key(&columns[0], &se->key);
        pg_array_i64(&columns[1], (int64_t)se->digest);
        pg_array_date(&columns[2], clock_day_of(se->event.timestamp_usec));
        pg_array_date(&columns[3], today);
        pg_array_timestamp(&columns[4], se->event.timestamp_usec);
    }
    return arrays_params(job->w, ARRAY_SIZE(types), params);
}

static int insert_or_skip(struct write_job *job, struct strbuf *err)
{
    _cleanup_result_ PGresult *inserted = NULL, *known = NULL;
    struct pg_params rows = { .binary_results = true }, rest = { .binary_results = true };
    int r = insert_params(job, &rows);

    if (r == 0)
        r = pg_query(job->w->db, insert_sql, &rows, &inserted, err);
    if (r != 0)
        return r;
    for (int row = 0; row < PQntuples(inserted); row++) {
        struct key_slot *slot = find_key(job, PQgetvalue(inserted, row, 0));
        if (slot)
            slot->fresh = true;
    }
    r = key_params(job, &rest);
    if (r == 0)
        r = pg_query(job->w->db, lookup_sql, &rest, &known, err);
    if (r == 0)
        note_known(job, known);
    return r;
}

static int compare_indices(const void *pa, const void *pb)
{
    const uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

    return a < b ? -1 : a > b;
}

static void count_stored(struct write_job *job, const struct store_event *se)
{
    if (job->trial)
        return;
    event_message(job, se)->stored++;
    event_run(job, se)->stored++;
}

static void count_duplicate(struct write_job *job, const struct store_event *se, uint64_t winner)
{
    struct store_message *m = event_message(job, se);
    struct store_run *run = event_run(job, se);
    bool conflict = se->digest != winner;

    if (job->trial)
        return;
    m->duplicates++;
    m->conflicts += conflict;
    run->duplicates++;
    run->conflicts += conflict;
}

/* Of each key the first event is stored or a duplicate of the register's, all others are
 * duplicates. */
static void sort_out(struct write_job *job)
{
    const struct store_event *events = job->batch->events;

    job->fresh_count = 0;
    for (size_t i = 0; i < job->slot_count;) {
        const struct key_slot *first = &job->slots[i];
        const struct store_event *winner = &events[first->event];
        size_t end = group_end(job, i);
        if (first->fresh) {
            job->fresh[job->fresh_count++] = first->event;
            count_stored(job, winner);
            i++;
        }
        for (; i < end; i++)
            count_duplicate(job, &events[job->slots[i].event],
                            first->fresh ? winner->digest : first->digest);
    }
    qsort(job->fresh, job->fresh_count, sizeof(*job->fresh), compare_indices);
}

static bool any_unknown(const struct write_job *job)
{
    for (size_t i = 0; i < job->slot_count; i = group_end(job, i))
        if (!job->slots[i].known)
            return true;
    return false;
}

int keys_register(struct write_job *job, struct strbuf *err)
{
    int r = 0;

    drop_what_is_out(job);
    if (job_is_replay(job))
        replay_leave_unclear(job);
    if (job->careful && job->slot_count)
        r = insert_or_skip(job, err);
    else if (any_unknown(job))
        r = copy_unknown(job, err);
    if (r == 0)
        sort_out(job);
    return r;
}

void keys_remember(struct write_job *job)
{
    const struct store_event *events = job->batch->events;

    for (size_t i = 0; i < job->fresh_count; i++)
        key_filter_add(job->w->stored_keys, key_number_of(events[job->fresh[i]].key.bytes));
    key_filter_served(job->w->stored_keys);
}
