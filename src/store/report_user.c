/*
 * One user. No index leads from a user to its events: it would cost every event that is stored. The
 * sets of active users say in which days, and in which hours of them, the user had events; those
 * hours are read. So it takes as long as there are hours in which the user was active.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/report_query.h"

/* $1 the source, $2 the user; $3 and $4 the range. A user of whom no event is kept is known all the
 * same. */
static const char user_sql[] =
    "SELECT name, age, gender, country, city, followers, first_seen_at, last_seen_at"
    " FROM user_demographics WHERE source = $1 AND user_id = $2";

enum user_column { NAME, AGE, GENDER, COUNTRY, CITY, FOLLOWERS, FIRST_SEEN, LAST_SEEN };

#define ACTIVE "a.source = $1 AND a.funnel_stage IN ('top', 'bottom') AND a.chunk = u.chunk"
#define WAS_THERE "get_bit(a.users, u.bit) = 1"

/* What was found comes in rows of five kinds. $5 and $6 are the place behind which the page of
 * events begins, $7 how many it holds. OFFSET 0 keeps the planner from turning things round: it
 * would read all events there are for one user. */
static const char events_sql[] =
    "WITH u AS MATERIALIZED (SELECT user_no >> 13 AS chunk, user_no & 8191 AS bit"
    " FROM user_demographics WHERE source = $1 AND user_id = $2),"
    " days AS MATERIALIZED (SELECT DISTINCT a.bucket FROM u, user_activity a WHERE a.grain = 1440"
    " AND a.bucket >= date_bin('1 day', $3::timestamptz, 'epoch') AND a.bucket < $4::timestamptz"
    " AND a.bucket >= " REPORT_RETAINED_FROM " AND " ACTIVE " AND " WAS_THERE "),"
    " hours AS MATERIALIZED (SELECT DISTINCT a.bucket FROM u, days d"
    " CROSS JOIN LATERAL generate_series(d.bucket, d.bucket + interval '23 hours', '1 hour') h (at)"
    " CROSS JOIN LATERAL (SELECT a.bucket FROM user_activity a WHERE a.grain = 60"
    " AND a.bucket = h.at AND " ACTIVE " AND " WAS_THERE " OFFSET 0) a),"
    " found AS MATERIALIZED (SELECT e.* FROM hours h CROSS JOIN LATERAL (SELECT timestamp,"
    " event_key, event_id, funnel_stage, event_type, campaign_id FROM processed_events"
    " WHERE timestamp >= greatest(h.bucket, $3) AND timestamp < least(h.bucket"
    " + interval '1 hour', $4) AND source = $1 AND user_id = $2 OFFSET 0) e)"
    " SELECT 0 AS kind, min(timestamp) AS at, max(timestamp) AS latest, NULL::uuid AS event_key,"
    " NULL AS name, NULL AS funnel_stage, NULL AS event_type, NULL AS campaign_id, count(*) AS n,"
    " NULL AS amount FROM found"
    " UNION ALL SELECT 1, NULL, NULL, NULL, funnel_stage, NULL, NULL, NULL, count(*), NULL"
    " FROM found GROUP BY funnel_stage"
    " UNION ALL SELECT 2, NULL, NULL, NULL, event_type, NULL, NULL, NULL, count(*), NULL"
    " FROM found GROUP BY event_type"
    " UNION ALL SELECT 3, NULL, NULL, NULL, r.currency, NULL, NULL, NULL, count(*),"
    " round(sum(r.amount), 2)::text FROM found f CROSS JOIN LATERAL (SELECT currency, amount"
    " FROM revenue_transactions WHERE timestamp = f.timestamp AND event_key = f.event_key"
    " OFFSET 0) r GROUP BY r.currency"
    " UNION ALL (SELECT 4, timestamp, NULL, event_key, event_id, funnel_stage, event_type,"
    " campaign_id, NULL, NULL FROM found"
    " WHERE $5::timestamptz IS NULL OR (timestamp, event_key) < ($5, $6::uuid)"
    " ORDER BY timestamp DESC, event_key DESC LIMIT $7::bigint)"
    " ORDER BY kind, at DESC, event_key DESC, name";

enum kind { KIND_ALL, KIND_STAGE, KIND_TYPE, KIND_CURRENCY, KIND_EVENT };
enum column { KIND, AT, LATEST, KEY, ROW_NAME, STAGE, TYPE, CAMPAIGN, COUNT, AMOUNT };

enum call { CALL_RETENTION, CALL_USER, CALL_EVENTS, CALL_COUNT };

struct statements {
    struct pg_call calls[CALL_COUNT];
    struct strbuf user_id;
    char times[3][8];
    char limit[16];
};

static void statements_init(struct statements *s)
{
    *s = (struct statements){
        .calls = { [CALL_RETENTION] = { .sql = report_retention_sql },
                   [CALL_USER] = { .sql = user_sql },
                   [CALL_EVENTS] = { .sql = events_sql } },
    };
    for (int i = 0; i < CALL_COUNT; i++)
        s->calls[i].params.binary_results = true;
    strbuf_init(&s->user_id, EVENT_ID_MAX * 8);
}

static void statements_release(struct statements *s)
{
    strbuf_release(&s->user_id);
    pg_calls_clear(s->calls, CALL_COUNT);
}

/* One event more than the page holds shows whether there is another page. */
static int add_params(struct statements *s, const struct report_filter *f)
{
    struct pg_params *p = &s->calls[CALL_EVENTS].params;
    struct report_span span = report_span_of(f);
    int r = strbuf_addspan(&s->user_id, f->id);

    for (int i = CALL_USER; i < CALL_COUNT; i++) {
        pg_param_text(&s->calls[i].params, report_source_name(f));
        pg_param_text(&s->calls[i].params, s->user_id.ptr);
    }
    report_param_time(p, span.from_usec, s->times[0]);
    report_param_time(p, span.to_usec, s->times[1]);
    if (f->before.given) {
        report_param_time(p, f->before.timestamp_usec, s->times[2]);
        pg_param_binary(p, PG_UUID, span_of(f->before.key.bytes, EVENT_KEY_BYTES));
    } else {
        pg_param_text(p, NULL);
        pg_param_text(p, NULL);
    }
    (void)snprintf(s->limit, sizeof(s->limit), "%u", f->limit + 1);
    pg_param_text(p, s->limit);
    return r;
}

static void write_text(struct json_out *j, const char *key, const PGresult *rows, int row,
                       int column)
{
    json_key(j, key);
    if (PQgetisnull(rows, row, column))
        json_null(j);
    else
        json_string(j, report_text(rows, row, column));
}

static void write_age(struct json_out *j, const PGresult *user)
{
    int64_t bits = report_i64(user, 0, AGE);
    double age;

    memcpy(&age, &bits, sizeof(age));
    json_key(j, "age");
    if (PQgetisnull(user, 0, AGE))
        json_null(j);
    else
        json_double(j, age);
}

static void write_followers(struct json_out *j, const PGresult *user)
{
    json_key(j, "followers");
    if (PQgetisnull(user, 0, FOLLOWERS))
        json_null(j);
    else
        json_i64(j, report_i64(user, 0, FOLLOWERS));
}

/* Those that its source has. */
static void write_attributes(struct json_out *j, int source, const PGresult *user)
{
    bool facebook = source == SOURCE_FACEBOOK;

    json_key(j, "attributes");
    json_object(j);
    write_text(j, "name", user, 0, NAME);
    if (facebook) {
        write_age(j, user);
        write_text(j, "gender", user, 0, GENDER);
    }
    write_text(j, "country", user, 0, COUNTRY);
    if (facebook)
        write_text(j, "city", user, 0, CITY);
    else
        write_followers(j, user);
    json_object_end(j);
}

static bool is_kind(const PGresult *rows, int row, enum kind kind)
{
    return report_i32(rows, row, KIND) == (int32_t)kind;
}

/* What is counted or summed up under each name. */
static void write_map(struct json_out *j, const char *key, const PGresult *rows, enum kind kind)
{
    json_key(j, key);
    json_object(j);
    for (int row = 0; row < PQntuples(rows); row++) {
        if (!is_kind(rows, row, kind))
            continue;
        json_key_span(j, report_text(rows, row, ROW_NAME));
        if (kind == KIND_CURRENCY)
            json_raw(j, report_text(rows, row, AMOUNT));
        else
            json_i64(j, report_i64(rows, row, COUNT));
    }
    json_object_end(j);
}

static uint64_t total_of(const PGresult *rows, enum kind kind)
{
    uint64_t total = 0;

    for (int row = 0; row < PQntuples(rows); row++)
        if (is_kind(rows, row, kind))
            total += (uint64_t)report_i64(rows, row, COUNT);
    return total;
}

static void write_totals(struct json_out *j, const PGresult *rows)
{
    json_key(j, "totalEvents");
    json_u64(j, total_of(rows, KIND_ALL));
    write_map(j, "eventsByFunnelStage", rows, KIND_STAGE);
    write_map(j, "eventsByType", rows, KIND_TYPE);
    write_map(j, "revenue", rows, KIND_CURRENCY);
    json_key(j, "orders");
    json_u64(j, total_of(rows, KIND_CURRENCY));
}

static void write_event(struct json_out *j, const PGresult *rows, int row)
{
    json_object(j);
    write_text(j, "eventId", rows, row, ROW_NAME);
    report_write_time(j, "timestamp", rows, row, AT);
    write_text(j, "funnelStage", rows, row, STAGE);
    write_text(j, "eventType", rows, row, TYPE);
    write_text(j, "campaignId", rows, row, CAMPAIGN);
    json_object_end(j);
}

/* The place of an event, as `before` takes it. */
static void write_place(struct json_out *j, const PGresult *rows, int row)
{
    const unsigned char *key = (const unsigned char *)PQgetvalue(rows, row, KEY);
    char text[24 + 2 * EVENT_KEY_BYTES];
    int64_t usec = 0;
    int n;

    (void)report_time(rows, row, AT, &usec);
    n = snprintf(text, sizeof(text), "%lld-", (long long)usec);
    for (int i = 0; i < EVENT_KEY_BYTES; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x", key[i]);
    json_string(j, span_of(text, (size_t)n));
}

static void write_events(struct json_out *j, const struct report_filter *f, const PGresult *rows)
{
    uint32_t count = 0;
    int last = 0;

    json_key(j, "events");
    json_array(j);
    for (int row = 0; row < PQntuples(rows); row++) {
        if (!is_kind(rows, row, KIND_EVENT) || ++count > f->limit)
            continue;
        write_event(j, rows, row);
        last = row;
    }
    json_array_end(j);
    json_key(j, "next");
    if (count > f->limit)
        write_place(j, rows, last);
    else
        json_null(j);
}

static void write_answer(struct json_out *j, const struct report_filter *f,
                         const struct pg_call *calls)
{
    const PGresult *user = calls[CALL_USER].result, *rows = calls[CALL_EVENTS].result;
    struct report_found found = { .any = false };
    int64_t usec;

    report_found_retention(&found, calls[CALL_RETENTION].result);
    for (int column = AT; column <= LATEST; column++)
        if (report_time(rows, 0, column, &usec)) /* of all, the first row */
            report_found_add(&found, usec);
    json_object(j);
    json_key(j, "source");
    json_str(j, report_source_name(f));
    json_key(j, "userId");
    json_string(j, f->id);
    write_attributes(j, f->source, user);
    report_write_time(j, "firstSeenAt", user, 0, FIRST_SEEN);
    report_write_time(j, "lastSeenAt", user, 0, LAST_SEEN);
    write_totals(j, rows);
    write_events(j, f, rows);
    report_write_range(j, f, &found);
    json_object_end(j);
}

int report_user(struct db *db, const struct report_filter *f, struct strbuf *out,
                struct strbuf *err)
{
    _cleanup_(statements_release) struct statements s;
    struct json_out j;
    int r;

    statements_init(&s);
    r = add_params(&s, f);
    if (r == 0)
        r = pg_call_all(db, s.calls, CALL_COUNT, err);
    if (r != 0)
        return r;
    if (PQntuples(s.calls[CALL_USER].result) == 0) {
        strbuf_setf(err, "no event of this user was ever stored");
        return -ENOENT;
    }
    json_out_init(&j, out);
    write_answer(&j, f, s.calls);
    return report_done(out, err);
}
