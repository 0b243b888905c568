/*
 * Users with at least one event in the range, by their present attributes: sets of users as
 * bitmaps, those who were active against those who have an attribute.
 */
#include <string.h>

#include "store/report_activity.h"

/* Lists are cut to the first ten. */
static const char sql[] =
    "WITH " REPORT_ACTIVITY ","
    " hits AS (SELECT a.attribute, a.value, bit_count(a.users & (s.top | s.bottom)) AS n FROM sets "
    "s"
    " JOIN user_attributes a ON a.source = s.source AND a.chunk = s.chunk OFFSET 0),"
    " counts AS (SELECT attribute, value, sum(n)::bigint AS n FROM hits GROUP BY attribute, value),"
    " ranked AS (SELECT *, row_number() OVER (PARTITION BY attribute ORDER BY n DESC, value) AS "
    "rank"
    " FROM counts WHERE n > 0)"
    " SELECT attribute, value, n FROM ranked"
    " WHERE rank <= 10 OR attribute NOT IN ('location', 'country') ORDER BY attribute, rank";

enum column { OF, NAME, COUNT };

static const char *const age_groups[] = { "under_18", "18_24",   "25_34",   "35_44",
                                          "45_54",    "55_plus", "unknown", NULL };
static const char *const follower_ranges[] = { "under_1k", "1k_10k",  "10k_100k", "100k_1m",
                                               "1m_plus",  "unknown", NULL };

static bool is_of(const PGresult *rows, int row, const char *of)
{
    return span_eq(report_text(rows, row, OF), span_str(of));
}

static uint64_t count_of(const PGresult *rows, const char *of, const char *name)
{
    for (int row = 0; row < PQntuples(rows); row++)
        if (is_of(rows, row, of) && span_eq(report_text(rows, row, NAME), span_str(name)))
            return (uint64_t)report_i64(rows, row, COUNT);
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
        json_u64(j, (uint64_t)report_i64(rows, row, COUNT));
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
        json_u64(j, (uint64_t)report_i64(rows, row, COUNT));
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_answer(struct json_out *j, const struct report_filter *f, const PGresult *rows,
                         const struct report_found *found)
{
    json_object(j);
    json_key(j, "facebook");
    json_object(j);
    buckets(j, "ageGroups", rows, "age_group", age_groups);
    genders(j, rows);
    top_list(j, "topLocations", rows, "location");
    json_object_end(j);
    json_key(j, "tiktok");
    json_object(j);
    buckets(j, "followerRanges", rows, "follower_range", follower_ranges);
    top_list(j, "topCountries", rows, "country");
    json_object_end(j);
    report_write_range(j, f, found);
    json_object_end(j);
}

enum call { CALL_RETENTION, CALL_EXTENT, CALL_USERS, CALL_COUNT };

struct statements {
    struct report_pieces_param pieces;
    struct pg_call calls[CALL_COUNT];
};

static void statements_init(struct statements *s)
{
    *s = (struct statements){
        .calls = { [CALL_RETENTION] = { .sql = report_retention_sql },
                   [CALL_EXTENT] = { .sql = report_extent_sql },
                   [CALL_USERS] = { .sql = sql } },
    };
    for (int i = 0; i < CALL_COUNT; i++)
        s->calls[i].params.binary_results = true;
    report_pieces_param_init(&s->pieces);
}

static void statements_release(struct statements *s)
{
    report_pieces_param_release(&s->pieces);
    pg_calls_clear(s->calls, CALL_COUNT);
}

int report_demographics(struct db *db, const struct report_filter *f, struct strbuf *out,
                        struct strbuf *err)
{
    _cleanup_(statements_release) struct statements s;
    struct report_found found = { .any = false };
    struct json_out j;
    int r;

    statements_init(&s);
    pg_param_text(&s.calls[CALL_EXTENT].params, report_source_name(f));
    r = report_pieces_param_range(&s.pieces, f, &report_grains_cubes, &s.calls[CALL_USERS].params);
    if (r != 0)
        return r;
    pg_param_text(&s.calls[CALL_USERS].params, report_source_name(f));
    r = pg_call_all(db, s.calls, CALL_COUNT, err);
    if (r != 0)
        return r;
    report_found_retention(&found, s.calls[CALL_RETENTION].result);
    report_found_extent(&found, f, s.calls[CALL_EXTENT].result);
    json_out_init(&j, out);
    write_answer(&j, f, s.calls[CALL_USERS].result, &found);
    return report_done(out, err);
}
