#include "store/rollup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embedded.h"
#include "base/number.h"
#include "store/pg.h"

extern const struct embedded_file sluice_rollup_days[];
extern const struct embedded_file sluice_rollup_finds[];
extern const struct embedded_file sluice_rollup_mends[];

#define NAMED_MAX 20
#define SQL_MAX_BYTES (64 * 1024)
/* Writers that were waited for the other way round. */
#define ATTEMPTS_MAX 5

/* In the order of the files. Numbers come before what is numbered by them. */
static const struct {
    const char *name;
    bool by_day;
} rollups[] = {
    { "event_counts", true },  { "revenue_totals", true }, { "cube_totals", true },
    { "user_activity", true }, { "user_numbers", false },  { "user_attributes", false },
};

/* The lock comes before the snapshot: a partition that is dropped after it would be missing from
 * one side (store/audit.c). */
#define BEGIN_FIND(access)                                                                         \
    "BEGIN ISOLATION LEVEL REPEATABLE READ " access "; SET LOCAL enable_seqscan = on;"             \
    "SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '256MB';"                               \
    "LOCK TABLE processed_events IN ACCESS SHARE MODE"

static const char begin_mend_sql[] = "BEGIN; SET LOCAL enable_seqscan = on;"
                                     "SET LOCAL work_mem = '256MB'; SELECT hold_retained_from()";

/* The files read it. */
static const char set_day_sql[] = "SELECT set_config('sluice.day', $1, true)";

static const char is_kept_sql[] =
    "SELECT utc_day(current_setting('sluice.day')::date) >= retained_from FROM retention";

static const char told_sql[] = "UPDATE rollup_state SET epoch = epoch + 1; COMMIT";

void rollup_days_release(struct rollup_days *days)
{
    free(days->day);
    *days = (struct rollup_days){ 0 };
}

static int ask_days(struct db *db, const char *from, const char *to, PGresult **ret,
                    struct strbuf *err)
{
    struct pg_params params = { 0 };
    int r = db_connect(db, err);

    pg_param_text(&params, from);
    pg_param_text(&params, to);
    if (r == 0)
        r = pg_query(db, sluice_rollup_days[0].begin, &params, ret, err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

int rollup_days(struct db *db, const char *from, const char *to, struct rollup_days *ret,
                struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    int r = ask_days(db, from, to, &res, err);

    if (r != 0)
        return r;
    ret->day = calloc((size_t)PQntuples(res) + 1, sizeof(*ret->day));
    if (!ret->day)
        return -ENOMEM;
    ret->count = (size_t)PQntuples(res);
    for (size_t i = 0; i < ret->count; i++)
        (void)snprintf(ret->day[i], sizeof(ret->day[i]), "%s", PQgetvalue(res, (int)i, 0));
    return 0;
}

static bool is_of(const struct rollup_pass *pass, size_t rollup)
{
    return rollups[rollup].by_day == (pass->day != NULL);
}

/* Within a transaction. *ret_kept: there is something to compare. */
static int take_day(struct db *db, const struct rollup_pass *pass, bool *ret_kept,
                    struct strbuf *err)
{
    _cleanup_result_ PGresult *set = NULL, *kept = NULL;
    struct pg_params params = { 0 };
    int r;

    *ret_kept = true;
    if (!pass->day)
        return 0;
    pg_param_text(&params, pass->day);
    r = pg_query(db, set_day_sql, &params, &set, err);
    if (r == 0)
        r = pg_query(db, is_kept_sql, NULL, &kept, err);
    if (r == 0)
        *ret_kept = strcmp(PQgetvalue(kept, 0, 0), "t") == 0;
    return r;
}

static void tell(const struct rollup_pass *pass, size_t rollup, const PGresult *rows)
{
    const char *names[NAMED_MAX] = { 0 };
    struct rollup_found found = { .rollup = rollups[rollup].name, .names = names };

    while (found.named < (size_t)PQntuples(rows) && found.named < NAMED_MAX) {
        names[found.named] = PQgetvalue(rows, (int)found.named, 1);
        found.named++;
    }
    if (found.named && parse_u64(span_str(PQgetvalue(rows, 0, 0)), &found.count) == 0)
        pass->found(pass->ctx, &found);
}

/* table: what has a name for each difference. */
static int name_all(struct db *db, const char *table, PGresult **ret, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf sql;
    int r;

    strbuf_init(&sql, SQL_MAX_BYTES);
    r = strbuf_addf(&sql, "SELECT count(*) OVER (), name FROM %s d ORDER BY name LIMIT %d", table,
                    NAMED_MAX);
    return r < 0 ? r : pg_query(db, sql.ptr, NULL, ret, err);
}

static int verify_one(struct db *db, const struct rollup_pass *pass, size_t rollup,
                      struct strbuf *err)
{
    _cleanup_result_ PGresult *rows = NULL;
    _cleanup_strbuf_ struct strbuf table;
    int r;

    strbuf_init(&table, SQL_MAX_BYTES);
    r = strbuf_addf(&table, "(%s)", sluice_rollup_finds[rollup].begin);
    if (r == 0)
        r = name_all(db, table.ptr, &rows, err);
    if (r == 0)
        tell(pass, rollup, rows);
    return r;
}

static int verify_all(struct db *db, const struct rollup_pass *pass, struct strbuf *err)
{
    bool kept = false;
    int r = pg_exec(db, BEGIN_FIND("READ ONLY"), err);

    if (r == 0)
        r = take_day(db, pass, &kept, err);
    for (size_t i = 0; r == 0 && kept && i < ARRAY_SIZE(rollups); i++)
        if (is_of(pass, i))
            r = verify_one(db, pass, i, err);
    return r == 0 ? pg_exec(db, "COMMIT", err) : r;
}

int rollup_verify(struct db *db, const struct rollup_pass *pass, struct strbuf *err)
{
    int r = db_connect(db, err);

    if (r == 0)
        r = verify_all(db, pass, err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

int rollup_lock(struct db *db, struct strbuf *err)
{
    bool held = false;
    int r = db_try_lock(db, "sluice.rollup", &held, err);

    if (r != 0 || held)
        return r;
    strbuf_setf(err, "another rebuild is at work");
    return DB_REFUSED;
}

/* Into the table of this connection that the mending reads. */
static int find(struct db *db, const struct rollup_pass *pass, size_t rollup, PGresult **ret_rows,
                struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf sql;
    char table[64];
    bool kept = false;
    int r = pg_exec(db, BEGIN_FIND("READ WRITE"), err);

    strbuf_init(&sql, SQL_MAX_BYTES);
    (void)snprintf(table, sizeof(table), "wrong_%s", rollups[rollup].name);
    if (r == 0)
        r = take_day(db, pass, &kept, err);
    if (r == 0)
        r = strbuf_addf(&sql, "DROP TABLE IF EXISTS pg_temp.%s; CREATE TEMP TABLE %s AS %s%s",
                        table, table, sluice_rollup_finds[rollup].begin,
                        kept ? "" : " WITH NO DATA");
    if (r == 0)
        r = pg_exec(db, sql.ptr, err);
    if (r == 0)
        r = name_all(db, table, ret_rows, err);
    return r == 0 ? pg_exec(db, "COMMIT", err) : r;
}

static int mend(struct db *db, const struct rollup_pass *pass, size_t rollup, struct strbuf *err)
{
    bool kept = false;
    int r = pg_exec(db, begin_mend_sql, err);

    if (r == 0)
        r = take_day(db, pass, &kept, err);
    if (r == 0 && !kept)
        return pg_exec(db, "ROLLBACK", err);
    if (r == 0)
        r = pg_exec(db, sluice_rollup_mends[rollup].begin, err);
    return r == 0 ? pg_exec(db, told_sql, err) : r;
}

static int rebuild_one(struct db *db, const struct rollup_pass *pass, size_t rollup,
                       struct strbuf *err)
{
    _cleanup_result_ PGresult *rows = NULL;
    int r = find(db, pass, rollup, &rows, err);

    if (r == 0 && PQntuples(rows) > 0)
        r = mend(db, pass, rollup, err);
    if (r == 0)
        tell(pass, rollup, rows);
    else
        pg_abandon(db);
    return r;
}

/* The lock and the table are the connection's: with it, all is over. */
static bool is_worth_another(const struct db *db, int r)
{
    return r == DB_RETRY && db->conn && !db->failure.lost;
}

int rollup_rebuild(struct db *db, const struct rollup_pass *pass, struct strbuf *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rollups); i++) {
        if (!is_of(pass, i))
            continue;
        r = rebuild_one(db, pass, i, err);
        for (int n = 1; is_worth_another(db, r) && n < ATTEMPTS_MAX; n++)
            r = rebuild_one(db, pass, i, err);
    }
    return r;
}
