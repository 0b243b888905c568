/*
 * Users: the new events of each are merged in memory, then one upsert merges them with what is
 * stored. Both merges are the same function of the set of events, whatever order they come in and
 * whoever writes: least, greatest, and newest by (timestamp, event key).
 *
 * The statement has no WHERE that spares rows which stay the same: nearly every event moves
 * last_seen_at. (A cache of what this writer wrote last belongs in front of it, under a lease of
 * the source.) Each user goes in with a number it gets if it has none, and comes back with the one
 * that it has, and with what user_attributes must be told of it.
 */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/writer_internal.h"

#define NEWER(column)                                                                              \
    "(excluded." column "_at, excluded." column "_key) > (u." column "_at, u." column "_key)"
#define NEWEST(name)                                                                               \
    name " = CASE WHEN " NEWER("attributes") " THEN excluded." name " ELSE u." name " END"
/* The stored country may be null, and then so is its time: any is newer. */
#define COUNTRY_NEWER                                                                              \
    "excluded.country_key IS NOT NULL AND (u.country_key IS NULL OR " NEWER("country") ")"
#define NEWEST_COUNTRY(name)                                                                       \
    name " = CASE WHEN " COUNTRY_NEWER " THEN excluded." name " ELSE u." name " END"

#define VALUES_OF(row, country_row)                                                                \
    "demographic_values(u.source, " row ".age, " row ".gender, " country_row ".country, " row      \
    ".city, " row ".followers)"

/* What has not changed is compared first: it seldom has. */
#define VALUES_CHANGED                                                                             \
    "((" COUNTRY_NEWER " AND u.country IS DISTINCT FROM excluded.country)"                         \
    " OR (" NEWER("attributes") " AND (u.age, u.gender, u.city, u.followers)"                      \
                                " IS DISTINCT FROM (excluded.age, excluded.gender, "               \
                                "excluded.city, excluded.followers)"                               \
                                " AND " VALUES_OF("u", "u") " IS DISTINCT FROM " VALUES_OF(        \
                                    "excluded", "u") "))"

/* clang-format off */
static const char upsert_sql[] =
    "INSERT INTO user_demographics AS u (source, user_id, first_seen_at, last_seen_at,"
    " attributes_at, attributes_key, name, age, gender, city, followers, country_at, country_key,"
    " country, user_no, relist)"
    " SELECT *, false FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[],"
    " $5::timestamptz[], $6::uuid[], $7::text[], $8::float8[], $9::text[], $10::text[],"
    " $11::bigint[], $12::timestamptz[], $13::uuid[], $14::text[], $15::integer[])"
    " ON CONFLICT (source, user_id) DO UPDATE SET"
    " first_seen_at = least(u.first_seen_at, excluded.first_seen_at),"
    " last_seen_at = greatest(u.last_seen_at, excluded.last_seen_at),"
    " " NEWEST("attributes_at") ", " NEWEST("attributes_key") ", " NEWEST("name") ", " NEWEST("age") ","
    " " NEWEST("gender") ", " NEWEST("city") ", " NEWEST("followers") ","
    " " NEWEST_COUNTRY("country_at") ", " NEWEST_COUNTRY("country_key") ", " NEWEST_COUNTRY("country") ","
    " user_no = coalesce(u.user_no, excluded.user_no),"
    " relist = u.relist OR u.user_no IS NULL OR " VALUES_CHANGED ","
    " listed = CASE WHEN u.relist OR u.user_no IS NULL THEN u.listed"
    " WHEN " VALUES_CHANGED " THEN " VALUES_OF("u", "u") " END"
    /* No xmax: it was inserted. (What is not known so is listed the long way.) */
    " RETURNING user_no, relist, CASE WHEN u.xmax = 0 THEN " VALUES_OF("u", "u") " END";
/* clang-format on */

static const enum pg_type column_types[] = {
    PG_TEXT, PG_TEXT, PG_TIMESTAMPTZ, PG_TIMESTAMPTZ, PG_TIMESTAMPTZ, PG_UUID, PG_TEXT, PG_FLOAT8,
    PG_TEXT, PG_TEXT, PG_INT8,        PG_TIMESTAMPTZ, PG_UUID,        PG_TEXT, PG_INT4,
};
_Static_assert(ARRAY_SIZE(column_types) <= ARRAYS_MAX, "a column without its array");

/* An event under the user it belongs to; the prefix decides most comparisons. */
struct user_slot {
    uint64_t prefix; /* first 8 bytes of the user id, big-endian, zero-filled */
    const struct store_event *se;
    uint32_t place; /* in the job's `fresh` */
};

/* What a user's new events come to. */
struct user_merge {
    int64_t first_usec, last_usec;
    const struct store_event *newest;         /* gives the attributes */
    const struct store_event *newest_country; /* NULL = no event named one */
};

static uint64_t prefix_of(struct span id)
{
    uint64_t word = 0;

    memcpy(&word, id.ptr, MIN(id.len, sizeof(word)));
    return be64toh(word);
}

static int compare_users(const struct user_slot *a, const struct user_slot *b)
{
    if (a->se->event.source != b->se->event.source)
        return a->se->event.source < b->se->event.source ? -1 : 1;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return span_cmp(a->se->event.user.user_id, b->se->event.user.user_id);
}

static int compare_slots(const void *a, const void *b)
{
    return compare_users(a, b);
}

static struct user_slot *sorted_slots(struct write_job *job)
{
    struct user_slot *slots = arena_array(&job->w->arena, struct user_slot, job->fresh_count);

    if (!slots)
        return NULL;
    for (size_t i = 0; i < job->fresh_count; i++) {
        slots[i].se = job_event(job, i);
        slots[i].place = (uint32_t)i;
        slots[i].prefix = prefix_of(slots[i].se->event.user.user_id);
    }
    qsort(slots, job->fresh_count, sizeof(*slots), compare_slots);
    return slots;
}

static bool is_newer(const struct store_event *a, const struct store_event *b)
{
    if (a->event.timestamp_usec != b->event.timestamp_usec)
        return a->event.timestamp_usec > b->event.timestamp_usec;
    return memcmp(a->key.bytes, b->key.bytes, EVENT_KEY_BYTES) > 0;
}

static void merge_event(struct user_merge *m, const struct store_event *se)
{
    m->first_usec = MIN(m->first_usec, se->event.timestamp_usec);
    m->last_usec = MAX(m->last_usec, se->event.timestamp_usec);
    if (!m->newest || is_newer(se, m->newest))
        m->newest = se;
    if (event_country(&se->event).ptr && (!m->newest_country || is_newer(se, m->newest_country)))
        m->newest_country = se;
}

static void add_attributes(struct pg_array *columns, const struct event *ev)
{
    const struct event_user *user = &ev->user;
    bool facebook = ev->source == SOURCE_FACEBOOK;

    pg_array_text(&columns[0], user->name);
    if (isnan(user->age))
        pg_array_null(&columns[1]);
    else
        pg_array_double(&columns[1], user->age);
    pg_array_text(&columns[2], facebook ? span_str(event_gender_names[user->gender]) : SPAN_NONE);
    pg_array_text(&columns[3], facebook ? user->city : SPAN_NONE);
    if (user->followers < 0)
        pg_array_null(&columns[4]);
    else
        pg_array_i64(&columns[4], user->followers);
}

static void add_country(struct pg_array *columns, const struct store_event *se)
{
    if (!se) {
        for (int i = 0; i < 3; i++)
            pg_array_null(&columns[i]);
        return;
    }
    pg_array_timestamp(&columns[0], se->event.timestamp_usec);
    pg_array_key(&columns[1], &se->key);
    pg_array_text(&columns[2], event_country(&se->event));
}

static void add_user(struct pg_array *columns, const struct user_merge *m)
{
    const struct event *ev = &m->newest->event;

    pg_array_text(&columns[0], span_str(event_source_names[ev->source]));
    pg_array_text(&columns[1], ev->user.user_id);
    pg_array_timestamp(&columns[2], m->first_usec);
    pg_array_timestamp(&columns[3], m->last_usec);
    pg_array_timestamp(&columns[4], ev->timestamp_usec);
    pg_array_key(&columns[5], &m->newest->key);
    add_attributes(&columns[6], ev);
    add_country(&columns[11], m->newest_country);
}

/* The user of slots that follow each other; *ret_end is behind them. */
static void take_user(struct write_job *job, const struct user_slot *slots, size_t *at,
                      struct user_merge *ret_merge)
{
    struct user_merge merge = { .first_usec = INT64_MAX, .last_usec = INT64_MIN };
    const struct user_slot *head = &slots[*at];

    for (; *at < job->fresh_count && compare_users(head, &slots[*at]) == 0; ++*at) {
        merge_event(&merge, slots[*at].se);
        job->user_of[slots[*at].place] = (uint32_t)job->user_count;
    }
    job->users[job->user_count++] = (struct job_user){
        .source = head->se->event.source,
        .id = head->se->event.user.user_id,
    };
    *ret_merge = merge;
}

static int users_params(struct write_job *job, const struct user_slot *slots,
                        struct pg_params *params)
{
    struct pg_array *columns = job->w->arrays;
    size_t given[SOURCE_COUNT] = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(column_types); i++)
        pg_array_start(&columns[i], column_types[i]);
    job->user_count = 0;
    for (size_t i = 0; i < job->fresh_count;) {
        enum event_source source = slots[i].se->event.source;
        struct user_merge merge;
        take_user(job, slots, &i, &merge);
        add_user(columns, &merge);
        pg_array_i32(&columns[14], job->w->numbers[source].list[given[source]++]);
    }
    return arrays_params(job->w, ARRAY_SIZE(column_types), params);
}

/* INSERT answers in the order in which it was given the rows: each is inserted or updated. */
static int take_numbers(struct write_job *job, const PGresult *res)
{
    size_t given[SOURCE_COUNT] = { 0 };
    int r = 0;

    for (size_t i = 0; r == 0 && i < job->user_count; i++) {
        struct job_user *user = &job->users[i];
        int32_t candidate = job->w->numbers[user->source].list[given[user->source]++];
        bool inserted = !PQgetisnull(res, (int)i, 2);
        user->no = wire_get_i32(PQgetvalue(res, (int)i, 0));
        user->relist = *PQgetvalue(res, (int)i, 1) != 0 || (user->no == candidate && !inserted);
        if (inserted && !user->relist && user->no == candidate)
            r = attributes_join(job, user, PQgetvalue(res, (int)i, 2));
    }
    return r;
}

int users_store(struct write_job *job, struct strbuf *err)
{
    struct user_slot *slots = sorted_slots(job);
    struct pg_params params = { .binary_results = true };
    _cleanup_result_ PGresult *res = NULL;
    int r;

    job->users = arena_array(&job->w->arena, struct job_user, job->fresh_count);
    job->user_of = arena_array(&job->w->arena, uint32_t, job->fresh_count);
    if (!slots || !job->users || !job->user_of || attributes_prepare(job) < 0)
        return -ENOMEM;
    r = users_params(job, slots, &params);
    if (r == 0)
        r = pg_query(job->w->db, upsert_sql, &params, &res, err);
    if (r != 0)
        return r;
    return take_numbers(job, res);
}
