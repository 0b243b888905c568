/*
 * Users with at least one event in the range, by their present attributes.
 *
 * Nearly all of them are known from the times they were first and last seen; where a range has an
 * open side, all. Only a user seen both before and after the range needs a look at the events in
 * it. A range begins where events are retained from, if not later.
 */
#include <string.h>

#include "store/report_query.h"

/* Where the range begins; -infinity without a bound and without retention. */
#define FROM "(SELECT greatest($1::timestamptz, retained_from) FROM retention)"

static const char sql[] =
    "WITH candidates AS (SELECT source, user_id, age, gender, country, city, followers,"
    " greatest(first_seen_at, " FROM ") AS first_seen_at, last_seen_at,"
    " ($2::timestamptz IS NULL OR first_seen_at >= " FROM " OR last_seen_at < $2) AS certain"
    " FROM user_demographics WHERE " REPORT_OF_SOURCE " AND last_seen_at >= " FROM
    " AND ($2::timestamptz IS NULL OR first_seen_at < $2)"
    " AND ($2::timestamptz IS NULL OR " FROM " < $2)),"
    " users AS MATERIALIZED (SELECT * FROM candidates WHERE certain"
    " UNION ALL SELECT * FROM candidates c WHERE NOT certain"
    " AND (c.source, c.user_id) IN (SELECT source, user_id FROM processed_events"
    "  WHERE " REPORT_IN_RANGE " AND " REPORT_OF_SOURCE ")),"
    " facebook AS (SELECT * FROM users WHERE source = 'facebook'),"
    " tiktok AS (SELECT * FROM users WHERE source = 'tiktok')"

    " SELECT *, " REPORT_RETAINED_USEC
    " FROM (SELECT 'age' AS of, CASE WHEN age IS NULL THEN 'unknown' WHEN age < 18 THEN "
    "'under_18'"
    " WHEN age < 25 THEN '18_24' WHEN age < 35 THEN '25_34' WHEN age < 45 THEN '35_44'"
    " WHEN age < 55 THEN '45_54' ELSE '55_plus' END AS name, count(*) AS n,"
    " NULL::bigint AS earliest, NULL::bigint AS latest FROM facebook GROUP BY name"

    " UNION ALL SELECT 'gender', coalesce(gender, 'unknown') AS name, count(*), NULL, NULL"
    " FROM facebook GROUP BY name"

    " UNION ALL (SELECT 'location', city || ', ' || country AS name, count(*), NULL, NULL"
    " FROM facebook WHERE city || country IS NOT NULL GROUP BY name"
    " ORDER BY count(*) DESC, (city || ', ' || country) COLLATE \"C\" LIMIT 10)"

    " UNION ALL SELECT 'followers', CASE WHEN followers IS NULL THEN 'unknown'"
    " WHEN followers < 1000 THEN 'under_1k' WHEN followers < 10000 THEN '1k_10k'"
    " WHEN followers < 100000 THEN '10k_100k' WHEN followers < 1000000 THEN '100k_1m'"
    " ELSE '1m_plus' END AS name, count(*), NULL, NULL FROM tiktok GROUP BY name"

    " UNION ALL (SELECT 'country', country AS name, count(*), NULL, NULL"
    " FROM tiktok WHERE country IS NOT NULL GROUP BY country"
    " ORDER BY count(*) DESC, country COLLATE \"C\" LIMIT 10)"

    " UNION ALL SELECT 'users', '', count(*), " REPORT_USEC("min(first_seen_at)") ", " REPORT_USEC(
        "max(last_seen_at)") " FROM users) AS answer"
                             " ORDER BY of, n DESC, name COLLATE \"C\"";

enum column { OF, NAME, COUNT, EARLIEST, LATEST, RETAINED };

static const char *const age_groups[] = { "under_18", "18_24",   "25_34",   "35_44",
                                          "45_54",    "55_plus", "unknown", NULL };
static const char *const follower_ranges[] = { "under_1k", "1k_10k",  "10k_100k", "100k_1m",
                                               "1m_plus",  "unknown", NULL };

static bool is_of(const PGresult *rows, int row, const char *of)
{
    return strcmp(PQgetvalue(rows, row, OF), of) == 0;
}

static uint64_t count_of(const PGresult *rows, const char *of, const char *name)
{
    for (int row = 0; row < PQntuples(rows); row++)
        if (is_of(rows, row, of) && strcmp(PQgetvalue(rows, row, NAME), name) == 0)
            return report_u64(rows, row, COUNT);
    return 0;
}

/* Every bucket is listed, the empty ones too. */
static void buckets(struct json_out *j, const char *key, const PGresult *rows, const char *of,
                    const char *const *names)
{
    json_key(j, key);
    json_object(j);
    for (; *names; names++) {
        json_key(j, *names);
        json_u64(j, count_of(rows, of, *names));
    }
    json_object_end(j);
}

static void genders(struct json_out *j, const PGresult *rows)
{
    json_key(j, "genderDistribution");
    json_object(j);
    for (int row = 0; row < PQntuples(rows); row++) {
        if (!is_of(rows, row, "gender"))
            continue;
        json_key_span(j, report_text(rows, row, NAME));
        json_u64(j, report_u64(rows, row, COUNT));
    }
    json_object_end(j);
}

static void top_list(struct json_out *j, const char *key, const PGresult *rows, const char *of)
{
    json_key(j, key);
    json_array(j);
    for (int row = 0; row < PQntuples(rows); row++) {
        if (!is_of(rows, row, of))
            continue;
        json_object(j);
        json_key(j, of);
        json_string(j, report_text(rows, row, NAME));
        json_key(j, "count");
        json_u64(j, report_u64(rows, row, COUNT));
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_answer(struct json_out *j, const struct report_filter *f, const PGresult *rows)
{
    int all = PQntuples(rows) - 1; /* 'users' sorts last and is always there */

    json_object(j);
    json_key(j, "facebook");
    json_object(j);
    buckets(j, "ageGroups", rows, "age", age_groups);
    genders(j, rows);
    top_list(j, "topLocations", rows, "location");
    json_object_end(j);
    json_key(j, "tiktok");
    json_object(j);
    buckets(j, "followerRanges", rows, "followers", follower_ranges);
    top_list(j, "topCountries", rows, "country");
    json_object_end(j);
    report_time_range(j, f, rows, all, EARLIEST, LATEST);
    report_retained(j, f, rows, all, RETAINED);
    json_object_end(j);
}

int report_demographics(struct db *db, const struct report_filter *f, struct strbuf *out,
                        struct strbuf *err)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct report_params params;
    struct json_out j;
    int r;

    report_params_init(&params, f);
    r = report_run(db, sql, &params, &rows, err);
    if (r != 0)
        return r;
    json_out_init(&j, out);
    write_answer(&j, f, rows);
    return report_done(out, err);
}
