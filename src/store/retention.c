#include "store/retention.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "store/pg.h"

/* Of one transaction: a fraction of a second. */
#define CHUNK_ROWS "10000"
#define CHUNK_BLOCKS 512

/* Who waits for a lock keeps others waiting behind it. */
static const char session_sql[] = "SET lock_timeout = '5s'";

static const char move_sql[] = "SELECT move_retained_from($1::integer, $2)";

/* A user who makes a partition looks at the boundary under this lock: what was made before it moved
 * is seen from here on. */
static const char partitions_lock_sql[] =
    "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('sluice.partitions', 0))";

/* The next day to drop: one whose detaching was interrupted comes first, because there can only be
 * one; tables that are detached already are found by their name. */
static const char next_day_sql[] =
    "SELECT c.oid::regclass::text, CASE WHEN i.inhrelid IS NOT NULL THEN"
    " format('ALTER TABLE %s DETACH PARTITION %s %s', i.inhparent::regclass, c.oid::regclass,"
    " CASE WHEN i.inhdetachpending THEN 'FINALIZE' ELSE 'CONCURRENTLY' END) END"
    " FROM pg_class p JOIN pg_class c ON c.relnamespace = p.relnamespace"
    " LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
    " WHERE p.oid = 'processed_events'::regclass AND c.relkind = 'r'"
    " AND c.relname ~ '^processed_events_[0-9]{8}$' AND c.relname < (SELECT 'processed_events_' ||"
    " to_char(retained_from AT TIME ZONE 'UTC', 'YYYYMMDD') FROM retention)"
    " ORDER BY coalesce(i.inhdetachpending, false) DESC, c.relname LIMIT 1";

static const char drop_sql[] = "SELECT drop_events_table($1::regclass)";

/* From the oldest on; the next chunk starts where this one ended, past the dead. */
static const char revenue_sql[] =
    "WITH gone AS (DELETE FROM revenue_transactions WHERE ctid = ANY (ARRAY("
    "  SELECT ctid FROM revenue_transactions WHERE timestamp >= $1::timestamptz"
    "  AND timestamp < (SELECT retained_from FROM retention)"
    "  ORDER BY timestamp LIMIT " CHUNK_ROWS ")) RETURNING timestamp),"
    " counted AS (SELECT count(*) AS n, max(timestamp) AS latest FROM gone),"
    " noted AS (UPDATE retention SET revenue_deleted = revenue_deleted + n FROM counted WHERE n > "
    "0)"
    " SELECT n, latest FROM counted";

/* Buckets begin before the boundary or not: it is the beginning of one of each grain. The deltas
 * come before what they are merged into, so that none gets there behind our back. The boundary is
 * asked for again: partitions of a table have rows with the same ctid. */
#define DELETE_BUCKETS(table, keys)                                                                \
    "WITH gone AS (DELETE FROM " table " WHERE ctid = ANY (ARRAY(SELECT ctid FROM " table          \
    " WHERE " keys "bucket < (SELECT retained_from FROM retention) LIMIT " CHUNK_ROWS              \
    ")) AND bucket < (SELECT retained_from FROM retention) RETURNING 1)"                           \
    " SELECT count(*) FROM gone"

static const char *const rollups_sql[] = {
    DELETE_BUCKETS("event_counts", "grain IN (1, 15, 1440) AND "),
    DELETE_BUCKETS("revenue_totals", "grain IN (1, 15, 1440) AND "),
    DELETE_BUCKETS("user_activity", "grain IN (60, 1440) AND "),
    DELETE_BUCKETS("cube_deltas", ""),
    DELETE_BUCKETS("cube_totals", "cube IN ('campaign_device', 'campaign_country',"
                                  " 'country_device', 'campaign_revenue', 'revenue', 'campaign',"
                                  " 'campaign_place')"
                                  " AND grain IN (60, 1440) AND "),
};

/* The register has no index but that of the keys: it is read from end to end, once a day. */
static const char sweep_due_sql[] =
    "SELECT pg_relation_size('event_keys') / current_setting('block_size')::bigint FROM retention"
    " WHERE retained_from > '-infinity'"
    " AND keys_swept_on IS DISTINCT FROM (now() AT TIME ZONE 'UTC')::date";

static const char sweep_sql[] =
    "WITH gone AS (DELETE FROM event_keys WHERE ctid >= $1::tid AND ctid < $2::tid"
    "  AND event_day < (SELECT (retained_from AT TIME ZONE 'UTC')::date FROM retention)"
    "  AND stored_day < (now() AT TIME ZONE 'UTC')::date - $3::integer RETURNING 1),"
    " counted AS (SELECT count(*) AS n FROM gone),"
    " noted AS (UPDATE retention SET keys_deleted = keys_deleted + n FROM counted WHERE n > 0)"
    " SELECT n FROM counted";

static const char swept_sql[] =
    "UPDATE retention SET keys_swept_on = (now() AT TIME ZONE 'UTC')::date";

enum stage { MOVE, REVENUE, ROLLUPS, KEYS_BEGIN, KEYS, DAYS, DONE };

static uint64_t number(const PGresult *row, int column)
{
    uint64_t v = 0;

    if (!PQgetisnull(row, 0, column))
        (void)!parse_u64(span_str(PQgetvalue(row, 0, column)), &v);
    return v;
}

static int move(struct db *db, struct retention_pass *pass, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params params = { 0 };
    char days[12];
    int r = pg_exec(db, session_sql, err);

    (void)snprintf(days, sizeof(days), "%" PRIu32, pass->days);
    pg_param_text(&params, days);
    pg_param_text(&params, pass->mover);
    if (r == 0)
        r = pg_query(db, move_sql, &params, &res, err);
    if (r != 0)
        return r;
    pass->moved = strcmp(PQgetvalue(res, 0, 0), "t") == 0;
    (void)snprintf(pass->revenue_after, sizeof(pass->revenue_after), "-infinity");
    pass->stage = REVENUE;
    return 0;
}

static int delete_revenue(struct db *db, struct retention_pass *pass, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params params = { 0 };
    uint64_t rows;
    int r;

    pg_param_text(&params, pass->revenue_after);
    r = pg_query(db, revenue_sql, &params, &res, err);
    if (r != 0)
        return r;
    rows = number(res, 0);
    pass->revenue_deleted += rows;
    if (rows > 0)
        (void)snprintf(pass->revenue_after, sizeof(pass->revenue_after), "%s",
                       PQgetvalue(res, 0, 1));
    else
        pass->stage = ROLLUPS;
    return 0;
}

static int delete_rollups(struct db *db, struct retention_pass *pass, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    uint64_t rows;
    int r = pg_query(db, rollups_sql[pass->rollup], NULL, &res, err);

    if (r != 0)
        return r;
    rows = number(res, 0);
    pass->rollups_deleted += rows;
    if (rows == 0 && ++pass->rollup == ARRAY_SIZE(rollups_sql))
        pass->stage = KEYS_BEGIN;
    return 0;
}

static int begin_sweep(struct db *db, struct retention_pass *pass, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    int r = pg_query(db, sweep_due_sql, NULL, &res, err);

    if (r != 0)
        return r;
    pass->stage = DAYS;
    if (PQntuples(res) == 1) {
        pass->key_blocks = number(res, 0);
        pass->stage = KEYS;
    }
    return 0;
}

static int end_sweep(struct db *db, struct retention_pass *pass, struct strbuf *err)
{
    int r = pg_exec(db, swept_sql, err);

    if (r == 0)
        pass->stage = DAYS;
    return r;
}

static int sweep_keys(struct db *db, struct retention_pass *pass, struct strbuf *err)
{
    uint64_t end = pass->key_block + CHUNK_BLOCKS;
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params params = { 0 };
    char from[32], to[32], days[24];
    int r;

    if (pass->key_block >= pass->key_blocks)
        return end_sweep(db, pass, err);
    (void)snprintf(from, sizeof(from), "(%" PRIu64 ",0)", pass->key_block);
    (void)snprintf(to, sizeof(to), "(%" PRIu64 ",0)", end);
    /* Whole days, rounded up, and one more. */
    (void)snprintf(days, sizeof(days), "%" PRIu64,
                   (pass->replay_usec + USEC_PER_DAY - 1) / USEC_PER_DAY + 1);
    pg_param_text(&params, from);
    pg_param_text(&params, to);
    pg_param_text(&params, days);
    r = pg_query(db, sweep_sql, &params, &res, err);
    if (r != 0)
        return r;
    pass->keys_deleted += number(res, 0);
    pass->key_block = end;
    return 0;
}

static int next_day(struct db *db, PGresult **ret_row, struct strbuf *err)
{
    _cleanup_result_ PGresult *row = NULL;
    int r = pg_exec(db, partitions_lock_sql, err);

    if (r == 0)
        r = pg_query(db, next_day_sql, NULL, &row, err);
    if (r == 0)
        r = pg_exec(db, "COMMIT", err);
    if (r == 0)
        *ret_row = TAKE_PTR(row);
    return r;
}

static int drop_day(struct db *db, struct retention_pass *pass, struct strbuf *err)
{
    _cleanup_result_ PGresult *row = NULL, *dropped = NULL;
    struct pg_params params = { 0 };
    int r = next_day(db, &row, err);

    if (r != 0)
        return r;
    if (PQntuples(row) == 0) {
        pass->stage = DONE;
        return 0;
    }
    if (!PQgetisnull(row, 0, 1))
        r = pg_exec(db, PQgetvalue(row, 0, 1), err);
    pg_param_text(&params, PQgetvalue(row, 0, 0));
    if (r == 0)
        r = pg_query(db, drop_sql, &params, &dropped, err);
    if (r != 0)
        return r;
    pass->days_dropped++;
    pass->events_dropped += number(dropped, 0);
    return 0;
}

int retention_step(struct db *db, struct retention_pass *pass, bool *ret_done, struct strbuf *err)
{
    static int (*const steps[])(struct db *, struct retention_pass *, struct strbuf *) = {
        [MOVE] = move,
        [REVENUE] = delete_revenue,
        [ROLLUPS] = delete_rollups,
        [KEYS_BEGIN] = begin_sweep,
        [KEYS] = sweep_keys,
        [DAYS] = drop_day,
    };
    int r = db_connect(db, err);

    if (r == 0)
        r = steps[pass->stage](db, pass, err);
    if (r != 0) {
        pg_abandon(db);
        return r;
    }
    *ret_done = pass->stage == DONE;
    return 0;
}
