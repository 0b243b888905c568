/*
 * The rows of user_demographics: added, looked up, touched and written again; what for and in which
 * order says writer_users.c.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "store/writer_internal.h"

#define NEWER(column) "(x." column "_at, x." column "_key) > (u." column "_at, u." column "_key)"
#define NEWEST(name) name " = CASE WHEN " NEWER("attributes") " THEN x." name " ELSE u." name " END"
/* The stored country may be null, and then so is its time: any is newer. */
#define COUNTRY_NEWER                                                                              \
    "x.country_key IS NOT NULL AND (u.country_key IS NULL OR " NEWER("country") ")"
#define NEWEST_COUNTRY(name)                                                                       \
    name " = CASE WHEN " COUNTRY_NEWER " THEN x." name " ELSE u." name " END"

/* What is known already gets its newer time and key. */
#define SAME_NEWER "u.attributes_hash = x.attributes_hash AND " NEWER("attributes")
#define SAME_NEWEST(name) name " = CASE WHEN " SAME_NEWER " THEN x." name " ELSE u." name " END"
#define SAME_COUNTRY_NEWER "u.country = x.country AND " NEWER("country")
#define SAME_NEWEST_COUNTRY(name)                                                                  \
    name " = CASE WHEN " SAME_COUNTRY_NEWER " THEN x." name " ELSE u." name " END"

#define VALUES_OF(row, country_row)                                                                \
    "demographic_values(u.source, " row ".age, " row ".gender, " country_row ".country, " row      \
    ".city, " row ".followers)"

/* What has not changed is compared first: it seldom has. */
#define VALUES_CHANGED                                                                             \
    "((" COUNTRY_NEWER " AND u.country IS DISTINCT FROM x.country)"                                \
    " OR (" NEWER("attributes") " AND (u.age, u.gender, u.city, u.followers)"                      \
                                " IS DISTINCT FROM (x.age, x.gender, x.city, x.followers)"         \
                                " AND " VALUES_OF("u", "u") " IS DISTINCT FROM " VALUES_OF(        \
                                    "x", "u") "))"

#define USER_COLUMNS                                                                               \
    "source, user_id, first_seen_at, attributes_at, attributes_key, attributes_hash, country_at,"  \
    " country_key, country"
#define ATTRIBUTE_COLUMNS "name, age, gender, city, followers"

/* Read element by element. In FROM, each array would be copied into a tuplestore first. */
#define USER_FIELDS                                                                                \
    "unnest($1::text[]) AS source, unnest($2::text[]) AS user_id,"                                 \
    " unnest($3::timestamptz[]) AS first_seen_at, unnest($4::timestamptz[]) AS attributes_at,"     \
    " unnest($5::uuid[]) AS attributes_key, unnest($6::bigint[]) AS attributes_hash,"              \
    " unnest($7::timestamptz[]) AS country_at, unnest($8::uuid[]) AS country_key,"                 \
    " unnest($9::text[]) AS country"
#define ATTRIBUTE_FIELDS                                                                           \
    "unnest($11::text[]) AS name, unnest($12::float8[]) AS age, unnest($13::text[]) AS gender,"    \
    " unnest($14::text[]) AS city, unnest($15::bigint[]) AS followers"
/* Where it stands in the job's users, from 1 on; of a new user, the number it gets. */
#define USER_AT 9
#define USER_ATTRIBUTES 10

/* clang-format off */
static const char add_sql[] =
    "INSERT INTO user_demographics AS u (" USER_COLUMNS ", user_no, " ATTRIBUTE_COLUMNS ","
    " last_seen_at, relist)"
    " SELECT *, attributes_at, false"
    " FROM (SELECT " USER_FIELDS ", unnest($10::integer[]) AS user_no, " ATTRIBUTE_FIELDS ") AS x"
    " ON CONFLICT (source, user_id) DO NOTHING"
    " RETURNING user_no, " VALUES_OF("u", "u");

static const char look_up_sql[] =
    "SELECT x.i, u.user_no FROM unnest($1::text[], $2::text[], $3::integer[]) AS x (source, user_id, i)"
    " JOIN user_demographics u USING (source, user_id)";

/* Users of a version that did not number them. */
static const char number_sql[] =
    "UPDATE user_demographics u SET user_no = x.user_no, relist = true"
    " FROM unnest($1::text[], $2::text[], $3::integer[]) AS x (source, user_id, user_no)"
    " WHERE (u.source, u.user_id) = (x.source, x.user_id) AND u.user_no IS NULL";

/* Says how many rows it has found, as a negative number, and which need more than that. */
static const char touch_sql[] =
    "WITH touched AS (UPDATE user_demographics AS u SET"
    " first_seen_at = least(u.first_seen_at, x.first_seen_at),"
    " last_seen_at = greatest(u.last_seen_at, x.attributes_at),"
    " " SAME_NEWEST("attributes_at") ", " SAME_NEWEST("attributes_key") ","
    " " SAME_NEWEST_COUNTRY("country_at") ", " SAME_NEWEST_COUNTRY("country_key")
    " FROM (SELECT " USER_FIELDS ", unnest($10::integer[]) AS i, unnest($11::integer[]) AS user_no) AS x"
    " WHERE u.source = x.source AND u.user_no = x.user_no AND u.user_id = x.user_id"
    " RETURNING x.i, u.relist OR (u.attributes_hash IS DISTINCT FROM x.attributes_hash"
    " AND " NEWER("attributes") ") OR (u.country IS DISTINCT FROM x.country AND " COUNTRY_NEWER ") AS more)"
    " SELECT -count(*)::integer FROM touched UNION ALL SELECT i FROM touched WHERE more";

static const char rewrite_sql[] =
    "UPDATE user_demographics AS u SET"
    " " NEWEST("attributes_at") ", " NEWEST("attributes_key") ", " NEWEST("attributes_hash") ","
    " " NEWEST("name") ", " NEWEST("age") ", " NEWEST("gender") ", " NEWEST("city") ", " NEWEST("followers") ","
    " " NEWEST_COUNTRY("country_at") ", " NEWEST_COUNTRY("country_key") ", " NEWEST_COUNTRY("country") ","
    " relist = u.relist OR " VALUES_CHANGED ","
    " listed = CASE WHEN u.relist THEN u.listed WHEN " VALUES_CHANGED " THEN " VALUES_OF("u", "u") " END"
    " FROM (SELECT " USER_FIELDS ", unnest($10::integer[]) AS i, " ATTRIBUTE_FIELDS ") AS x"
    " WHERE u.source = x.source AND u.user_id = x.user_id"
    " RETURNING CASE WHEN u.relist THEN x.i ELSE 0 END";
/* clang-format on */

static const enum pg_type user_types[] = {
    PG_TEXT, PG_TEXT,        PG_TIMESTAMPTZ, PG_TIMESTAMPTZ, PG_UUID,
    PG_INT8, PG_TIMESTAMPTZ, PG_UUID,        PG_TEXT,        PG_INT4,
};
static const enum pg_type attribute_types[] = { PG_TEXT, PG_FLOAT8, PG_TEXT, PG_TEXT, PG_INT8 };

#define ROW_COLUMNS (ARRAY_SIZE(user_types) + ARRAY_SIZE(attribute_types))
_Static_assert(ARRAY_SIZE(user_types) + ARRAY_SIZE(attribute_types) <= ARRAYS_MAX,
               "a column without its array");

static void start(struct pg_array *columns, const enum pg_type *types, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pg_array_start(&columns[i], types[i]);
}

/* What a source does not have of a user is not taken from it. */
static struct span gender_of(const struct event *ev)
{
    return ev->source == SOURCE_FACEBOOK ? span_str(event_gender_names[ev->user.gender])
                                         : SPAN_NONE;
}

static struct span city_of(const struct event *ev)
{
    return ev->source == SOURCE_FACEBOOK ? ev->user.city : SPAN_NONE;
}

/* Stored in attributes_hash: when it changes, every user is written again once. */
static uint64_t attributes_hash(const struct event *ev)
{
    uint64_t age, h;

    memcpy(&age, &ev->user.age, sizeof(age));
    h = hash_mix((isnan(ev->user.age) ? 1 : age) ^ hash_mix((uint64_t)ev->user.followers));
    h = hash_span(h, ev->user.name);
    h = hash_span(h, gender_of(ev));
    return hash_span(h ^ (city_of(ev).ptr != NULL), city_of(ev));
}

static void put_user(struct pg_array *columns, const struct job_user *user)
{
    const struct event *ev = &user->newest->event;
    const struct store_event *located = user->newest_country;

    pg_array_text(&columns[0], span_str(event_source_names[user->source]));
    pg_array_text(&columns[1], user->id);
    pg_array_timestamp(&columns[2], user->first_usec);
    pg_array_timestamp(&columns[3], ev->timestamp_usec);
    pg_array_key(&columns[4], &user->newest->key);
    pg_array_i64(&columns[5], (int64_t)attributes_hash(ev));
    if (located) {
        pg_array_timestamp(&columns[6], located->event.timestamp_usec);
        pg_array_key(&columns[7], &located->key);
    } else {
        pg_array_null(&columns[6]);
        pg_array_null(&columns[7]);
    }
    pg_array_text(&columns[8], located ? event_country(&located->event) : SPAN_NONE);
}

static void put_attributes(struct pg_array *columns, const struct event *ev)
{
    pg_array_text(&columns[0], ev->user.name);
    if (isnan(ev->user.age))
        pg_array_null(&columns[1]);
    else
        pg_array_double(&columns[1], ev->user.age);
    pg_array_text(&columns[2], gender_of(ev));
    pg_array_text(&columns[3], city_of(ev));
    if (ev->user.followers < 0)
        pg_array_null(&columns[4]);
    else
        pg_array_i64(&columns[4], ev->user.followers);
}

/* Sends the first `count` of the writer's arrays and waits for the answer. */
static int ask(struct write_job *job, const char *sql, size_t count, PGresult **ret_result,
               struct strbuf *err)
{
    struct pg_params params = { .binary_results = true };
    int r = arrays_params(job->w, count, &params);

    return r == 0 ? pg_query(job->w->db, sql, &params, ret_result, err) : r;
}

static int32_t answered(const PGresult *res, int row, int column)
{
    return wire_get_i32(PQgetvalue(res, row, column));
}

/* --- those that the writer does not know --- */

static int32_t offer_number(struct write_job *job, struct job_user *user)
{
    if (user->offered == USER_NO_NONE)
        user->offered = numbers_offer(job->w, user->source);
    return user->offered;
}

/* The answer is in the order in which it was asked, without those that another one has added. */
static int take_added(struct write_job *job, const PGresult *res)
{
    size_t at = 0;
    int r = 0;

    for (int row = 0; r == 0 && row < PQntuples(res); row++) {
        int32_t no = answered(res, row, 0);
        while (job->users[at].no != USER_NO_NONE || job->users[at].offered != no)
            at++;
        job->users[at].no = no;
        job->users[at].added = true;
        r = attributes_join(job, &job->users[at++], PQgetvalue(res, row, 1));
    }
    return r;
}

int users_add(struct write_job *job, struct strbuf *err)
{
    struct pg_array *columns = job->w->arrays;
    _cleanup_result_ PGresult *res = NULL;
    int r;

    start(columns, user_types, ARRAY_SIZE(user_types));
    start(columns + USER_ATTRIBUTES, attribute_types, ARRAY_SIZE(attribute_types));
    for (size_t i = 0; i < job->user_count; i++) {
        struct job_user *user = &job->users[i];
        if (user->no != USER_NO_NONE)
            continue;
        put_user(columns, user);
        pg_array_i32(&columns[USER_AT], offer_number(job, user));
        put_attributes(columns + USER_ATTRIBUTES, &user->newest->event);
    }
    r = ask(job, add_sql, ROW_COLUMNS, &res, err);
    return r == 0 ? take_added(job, res) : r;
}

static void put_unknown(struct write_job *job, bool offer)
{
    static const enum pg_type types[] = { PG_TEXT, PG_TEXT, PG_INT4 };
    struct pg_array *columns = job->w->arrays;

    start(columns, types, ARRAY_SIZE(types));
    for (size_t i = 0; i < job->user_count; i++) {
        struct job_user *user = &job->users[i];
        if (user->no != USER_NO_NONE)
            continue;
        pg_array_text(&columns[0], span_str(event_source_names[user->source]));
        pg_array_text(&columns[1], user->id);
        pg_array_i32(&columns[2], offer ? offer_number(job, user) : (int32_t)i);
    }
}

static int take_numbers(struct write_job *job, bool *ret_unnumbered, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    int r;

    put_unknown(job, /* offer= */ false);
    r = ask(job, look_up_sql, 3, &res, err);
    *ret_unnumbered = false;
    for (int row = 0; r == 0 && row < PQntuples(res); row++)
        if (PQgetisnull(res, row, 1))
            *ret_unnumbered = true;
        else
            job->users[answered(res, row, 0)].no = answered(res, row, 1);
    return r;
}

int users_look_up(struct write_job *job, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    bool unnumbered;
    int r = take_numbers(job, &unnumbered, err);

    if (r != 0 || !unnumbered)
        return r;
    put_unknown(job, /* offer= */ true);
    r = ask(job, number_sql, 3, &res, err);
    return r == 0 ? take_numbers(job, &unnumbered, err) : r;
}

/* --- those that are stored --- */

static int compare_numbers(const void *a, const void *b, void *ctx)
{
    const struct job_user *users = ctx;
    const struct job_user *left = &users[*(const uint32_t *)a];
    const struct job_user *right = &users[*(const uint32_t *)b];

    if (left->source != right->source)
        return left->source < right->source ? -1 : 1;
    return left->no < right->no ? -1 : left->no > right->no;
}

/* Users that were there, by number. */
static uint32_t *stored_users(struct write_job *job, size_t *ret_count)
{
    uint32_t *list = arena_array(&job->w->arena, uint32_t, job->user_count);
    size_t count = 0;

    if (!list)
        return NULL;
    for (uint32_t i = 0; i < job->user_count; i++)
        if (!job->users[i].added)
            list[count++] = i;
    qsort_r(list, count, sizeof(*list), compare_numbers, job->users);
    *ret_count = count;
    return list;
}

/* The answer's positive numbers are places of users. */
static int rewrite(struct write_job *job, const PGresult *touched, struct strbuf *err)
{
    struct pg_array *columns = job->w->arrays;
    _cleanup_result_ PGresult *res = NULL;
    int r;

    start(columns, user_types, ARRAY_SIZE(user_types));
    start(columns + USER_ATTRIBUTES, attribute_types, ARRAY_SIZE(attribute_types));
    for (int row = 0; row < PQntuples(touched); row++) {
        int32_t place = answered(touched, row, 0);
        if (place <= 0)
            continue;
        put_user(columns, &job->users[place - 1]);
        pg_array_i32(&columns[USER_AT], place);
        put_attributes(columns + USER_ATTRIBUTES, &job->users[place - 1].newest->event);
    }
    r = ask(job, rewrite_sql, ROW_COLUMNS, &res, err);
    for (int row = 0; r == 0 && row < PQntuples(res); row++)
        if (answered(res, row, 0) > 0)
            job->users[answered(res, row, 0) - 1].relist = true;
    return r;
}

/* A number that was remembered is not the user's: another database, or two ids of one hash. */
static int distrust_numbers(struct write_job *job, struct strbuf *err)
{
    user_cache_clear(job->w->user_numbers);
    job->numbers_distrusted = true;
    strbuf_setf(err, "the number of a user is not the one in user_demographics");
    return DB_RETRY;
}

static size_t count_found(const PGresult *touched)
{
    for (int row = 0; row < PQntuples(touched); row++)
        if (answered(touched, row, 0) <= 0)
            return (size_t)-answered(touched, row, 0);
    return 0;
}

int users_touch(struct write_job *job, struct strbuf *err)
{
    struct pg_array *columns = job->w->arrays;
    _cleanup_result_ PGresult *res = NULL;
    size_t count = 0;
    const uint32_t *stored = stored_users(job, &count);
    int r;

    if (!stored)
        return -ENOMEM;
    if (!count)
        return 0;
    start(columns, user_types, ARRAY_SIZE(user_types));
    pg_array_start(&columns[USER_ATTRIBUTES], PG_INT4);
    for (size_t i = 0; i < count; i++) {
        put_user(columns, &job->users[stored[i]]);
        pg_array_i32(&columns[USER_AT], (int32_t)stored[i] + 1);
        pg_array_i32(&columns[USER_ATTRIBUTES], job->users[stored[i]].no);
    }
    r = ask(job, touch_sql, USER_ATTRIBUTES + 1, &res, err);
    if (r != 0)
        return r;
    if (count_found(res) != count)
        return distrust_numbers(job, err);
    return PQntuples(res) > 1 ? rewrite(job, res, err) : 0;
}
