#include "store/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/embedded.h"
#include "base/number.h"
#include "store/pg.h"
#include "store/wire.h"

extern const struct embedded_file sluice_audit_checks[];
extern const size_t sluice_audit_checks_count;

/* The lock comes before the snapshot: a partition that is dropped after it would be missing from
 * both sides, its rows and their count. Joins of whole tables want memory and hashing, and may
 * read them from end to end, which sessions that write may not (store/db.c). */
static const char begin_sql[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                                "SET LOCAL enable_seqscan = on; SET LOCAL enable_nestloop = off;"
                                "SET LOCAL work_mem = '256MB';"
                                "SET LOCAL idle_in_transaction_session_timeout = '5min';"
                                "LOCK TABLE processed_events IN ACCESS SHARE MODE;"
                                "SELECT"; /* takes the snapshot */

static const char replica_sql[] = "SELECT pg_is_in_recovery()::int";

static const char pruned_sql[] =
    "SELECT messages, events, stored, duplicates, conflicts, dead, expired, through_seq,"
    " through_time FROM ledger_totals WHERE stream = $1";

/* By keyset, not by cursor: the primary key gives the order, and nothing stays open. */
#define LEDGER_PAGE 20000
static const char ledger_sql[] =
    "SELECT seq, stored_at, events::bigint, stored::bigint, duplicates::bigint,"
    " conflicts::bigint, dead::bigint, expired::bigint FROM ledger"
    " WHERE stream = $1 AND (seq, stored_at) > ($2::bigint, $3::bigint)"
    " ORDER BY seq, stored_at LIMIT $4::integer";

static const char events_sql[] =
    "SELECT (SELECT count(*) FROM processed_events WHERE source = $1),"
    " (SELECT coalesce(sum(events), 0) FROM dropped_events WHERE source = $1)";

/* Partitions that the retention has detached and not dropped yet. */
static const char detached_sql[] =
    "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r'"
    " AND c.relname ~ '^processed_events_[0-9]{8}$'"
    " AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'ledger'::regclass)"
    " AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid"
    " AND NOT i.inhdetachpending)";

static const char keys_sql[] =
    "SELECT (SELECT count(*) FROM event_keys), (SELECT keys_deleted FROM retention),"
    " (SELECT coalesce(sum(stored), 0) FROM ledger)"
    " + (SELECT coalesce(sum(stored), 0) FROM ledger_totals)";

static uint64_t text_u64(const PGresult *res, int row, int column)
{
    uint64_t v = 0;

    (void)!parse_u64(span_str(PQgetvalue(res, row, column)), &v);
    return v;
}

static int query(struct db *db, const char *sql, const struct pg_params *p, PGresult **ret_result,
                 struct strbuf *err)
{
    int r = db_connect(db, err);

    if (r == 0)
        r = pg_query(db, sql, p, ret_result, err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

static int check_primary(struct db *db, struct strbuf *err)
{
    const struct pg_params none = { 0 };
    _cleanup_result_ PGresult *res = NULL;
    int r = query(db, replica_sql, &none, &res, err);

    if (r != 0 || text_u64(res, 0, 0) == 0)
        return r;
    strbuf_setf(err, "the database is a replica, which may lag behind: audit the primary");
    return DB_REFUSED;
}

int audit_begin(struct db *db, struct strbuf *err)
{
    int r = check_primary(db, err);

    if (r == 0)
        r = pg_exec(db, begin_sql, err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

void audit_end(struct db *db)
{
    _cleanup_strbuf_ struct strbuf ignored;

    strbuf_init(&ignored, 512);
    if (!db->conn || pg_exec(db, "ROLLBACK", &ignored) != 0)
        db_disconnect(db);
}

int audit_pruned_of(struct db *db, const char *stream, struct audit_pruned *ret, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params p = { 0 };
    int r;

    pg_param_text(&p, stream);
    r = query(db, pruned_sql, &p, &res, err);
    if (r != 0)
        return r;
    *ret = (struct audit_pruned){ 0 };
    if (PQntuples(res) == 0)
        return 0;
    ret->counts = (struct audit_counts){
        .messages = text_u64(res, 0, 0),
        .events = text_u64(res, 0, 1),
        .stored = text_u64(res, 0, 2),
        .duplicates = text_u64(res, 0, 3),
        .conflicts = text_u64(res, 0, 4),
        .dead = text_u64(res, 0, 5),
        .expired = text_u64(res, 0, 6),
    };
    ret->through_seq = text_u64(res, 0, 7);
    ret->through_nsec = (int64_t)text_u64(res, 0, 8);
    return 0;
}

static uint64_t wire_u64(const PGresult *res, int row, int column)
{
    return (uint64_t)wire_get_i64(PQgetvalue(res, row, column));
}

static struct audit_row row_of(const PGresult *res, int row)
{
    return (struct audit_row){
        .seq = wire_u64(res, row, 0),
        .stored_nsec = wire_get_i64(PQgetvalue(res, row, 1)),
        .counts = {
            .messages = 1,
            .events = wire_u64(res, row, 2),
            .stored = wire_u64(res, row, 3),
            .duplicates = wire_u64(res, row, 4),
            .conflicts = wire_u64(res, row, 5),
            .dead = wire_u64(res, row, 6),
            .expired = wire_u64(res, row, 7),
        },
    };
}

static int ledger_page(struct db *db, const char *stream, const struct audit_row *last,
                       PGresult **ret_result, struct strbuf *err)
{
    struct pg_params p = { .binary_results = true };
    char seq[24], nsec[24], page[16];

    (void)snprintf(seq, sizeof(seq), "%" PRIu64, last->seq);
    (void)snprintf(nsec, sizeof(nsec), "%" PRId64, last->stored_nsec);
    (void)snprintf(page, sizeof(page), "%d", LEDGER_PAGE);
    pg_param_text(&p, stream);
    pg_param_text(&p, seq);
    pg_param_text(&p, nsec);
    pg_param_text(&p, page);
    return query(db, ledger_sql, &p, ret_result, err);
}

int audit_ledger(struct db *db, const char *stream, audit_row_fn fn, void *ctx, struct strbuf *err)
{
    struct audit_row row = { 0 };
    int rows = LEDGER_PAGE;

    while (rows == LEDGER_PAGE) {
        _cleanup_result_ PGresult *res = NULL;
        int r = ledger_page(db, stream, &row, &res, err);
        if (r != 0)
            return r;
        rows = PQntuples(res);
        for (int i = 0; i < rows; i++) {
            row = row_of(res, i);
            r = fn(ctx, &row);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* The name comes from the catalog, quoted. */
static int count_detached(struct db *db, const char *table, const char *source, uint64_t *count,
                          struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params p = { 0 };
    char sql[256];
    int r;

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE source = $1", table);
    pg_param_text(&p, source);
    r = query(db, sql, &p, &res, err);
    if (r == 0)
        *count += text_u64(res, 0, 0);
    return r;
}

int audit_events_of(struct db *db, const char *source, struct audit_events *ret, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL, *detached = NULL;
    struct pg_params p = { 0 }, none = { 0 };
    int r;

    pg_param_text(&p, source);
    r = query(db, events_sql, &p, &res, err);
    if (r == 0)
        r = query(db, detached_sql, &none, &detached, err);
    if (r != 0)
        return r;
    *ret = (struct audit_events){ .rows = text_u64(res, 0, 0), .dropped = text_u64(res, 0, 1) };
    for (int i = 0; r == 0 && i < PQntuples(detached); i++)
        r = count_detached(db, PQgetvalue(detached, i, 0), source, &ret->dropped, err);
    return r;
}

int audit_keys_of(struct db *db, struct audit_keys *ret, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    const struct pg_params none = { 0 };
    int r = query(db, keys_sql, &none, &res, err);

    if (r == 0)
        *ret = (struct audit_keys){
            .rows = text_u64(res, 0, 0),
            .deleted = text_u64(res, 0, 1),
            .stored = text_u64(res, 0, 2),
        };
    return r;
}

size_t audit_check_count(void)
{
    return sluice_audit_checks_count;
}

/* The first line says what the statement finds. */
struct audit_check audit_check_at(size_t i)
{
    const struct embedded_file *file = &sluice_audit_checks[i];
    struct span text = span_of(file->begin, (size_t)(file->end - file->begin)), what = SPAN_NONE;

    (void)span_split(&text, '\n', &what);
    return (struct audit_check){ .what = span_of(what.ptr + 3, what.len - 3), .sql = file->begin };
}

int audit_check_run(struct db *db, const struct audit_check *check, const char *source,
                    unsigned most, audit_name_fn name, void *ctx, uint64_t *ret_count,
                    struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params p = { 0 };
    char limit[16];
    int r;

    (void)snprintf(limit, sizeof(limit), "%u", most);
    pg_param_text(&p, source);
    pg_param_text(&p, limit);
    r = query(db, check->sql, &p, &res, err);
    if (r != 0)
        return r;
    *ret_count = PQntuples(res) > 0 ? text_u64(res, 0, 0) : 0;
    for (int i = 0; i < PQntuples(res); i++)
        name(ctx, span_of(PQgetvalue(res, i, 1), (size_t)PQgetlength(res, i, 1)));
    return 0;
}
