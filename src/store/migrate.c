/*
 * One runner at a time: the session holds an advisory lock from before it looks until it is done,
 * and whoever comes second waits, looks and finds nothing left to do.
 */
#include "store/migrate.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/embedded.h"
#include "base/number.h"
#include "base/span.h"
#include "store/pg.h"

/* Made by cmake/embed.cmake from sql/migrations/, sorted by name. */
extern const struct embedded_file sluice_migrations[];
extern const size_t sluice_migrations_count;
/* sql/citus/: one file, made in the same way. */
extern const struct embedded_file sluice_citus[];

#define LOCK_SQL "SELECT pg_advisory_lock(hashtextextended('sluice.migrations', 0))"
#define UNLOCK_SQL "SELECT pg_advisory_unlock(hashtextextended('sluice.migrations', 0))"

static const char register_sql[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    " version integer NOT NULL PRIMARY KEY,"
    " name text NOT NULL,"
    " checksum text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT now());"
    "COMMENT ON TABLE schema_migrations IS 'Migrations that ran on this database';"
    "COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of the file as it ran'";

#define CHECKSUM_BYTES 65

static int checksum_of(const struct embedded_file *file, char ret_hex[CHECKSUM_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len;

    if (!EVP_Digest(file->begin, (size_t)(file->end - file->begin), digest, &len, EVP_sha256(),
                    NULL))
        return -ENOMEM;
    for (unsigned i = 0; i < 32; i++)
        (void)snprintf(ret_hex + 2 * (size_t)i, 3, "%02x", digest[i]);
    return 0;
}

/* "0001_schema.sql" is version 1. */
static uint32_t version_of(const struct embedded_file *file)
{
    uint32_t version = 0;

    (void)!parse_u32(span_of(file->name, strcspn(file->name, "_")), &version);
    return version;
}

static int find_applied(struct db *db, const char *version, PGresult **ret_row, struct strbuf *err)
{
    struct pg_params params = { 0 };

    pg_param_text(&params, version);
    return pg_query(db, "SELECT checksum FROM schema_migrations WHERE version = $1::integer",
                    &params, ret_row, err);
}

static int record(struct db *db, const struct embedded_file *file, const char *version,
                  const char *checksum, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params params = { 0 };

    pg_param_text(&params, version);
    pg_param_text(&params, file->name);
    pg_param_text(&params, checksum);
    return pg_query(db,
                    "INSERT INTO schema_migrations (version, name, checksum) "
                    "VALUES ($1::integer, $2, $3)",
                    &params, &res, err);
}

static int apply(struct db *db, const struct embedded_file *file, const char *version,
                 const char *checksum, struct strbuf *err)
{
    int r = pg_exec(db, "BEGIN", err);

    if (r == 0)
        r = pg_exec(db, file->begin, err);
    if (r == 0)
        r = record(db, file, version, checksum, err);
    if (r == 0)
        r = pg_exec(db, "COMMIT", err);
    if (r != 0)
        (void)strbuf_addf(err, " [migration %s; nothing of it was kept]", file->name);
    /* SQL of our own that is refused is no fault of an event. */
    return r == DB_DATA_FAULT ? DB_REFUSED : r;
}

static int apply_if_missing(struct db *db, const struct embedded_file *file, uint32_t *applied,
                            struct strbuf *err)
{
    _cleanup_result_ PGresult *row = NULL;
    char checksum[CHECKSUM_BYTES], version[12];
    int r;

    (void)snprintf(version, sizeof(version), "%u", version_of(file));
    r = checksum_of(file, checksum);
    if (r == 0)
        r = find_applied(db, version, &row, err);
    if (r != 0)
        return r;
    if (PQntuples(row) == 0) {
        r = apply(db, file, version, checksum, err);
        *applied += r == 0;
        return r;
    }
    if (strcmp(PQgetvalue(row, 0, 0), checksum) == 0)
        return 0;
    strbuf_setf(err,
                "migration %s was changed after it ran on this database; put the change into a new "
                "migration (it ran with SHA-256 %.12s, this binary has %.12s)",
                file->name, PQgetvalue(row, 0, 0), checksum);
    return DB_REFUSED;
}

static int apply_all(struct db *db, uint32_t *applied, struct strbuf *err)
{
    int r = pg_exec(db, register_sql, err);

    for (size_t i = 0; r == 0 && i < sluice_migrations_count; i++)
        r = apply_if_missing(db, &sluice_migrations[i], applied, err);
    return r;
}

int migrate_run(struct db *db, uint32_t *ret_applied, struct strbuf *err)
{
    uint32_t applied = 0;
    int r = db_connect(db, err);

    if (r == 0)
        r = pg_exec(db, LOCK_SQL, err);
    if (r == 0)
        r = apply_all(db, &applied, err);
    if (r == 0)
        r = pg_exec(db, UNLOCK_SQL, err);
    if (r != 0) {
        /* The session's end gives the lock back. */
        db_disconnect(db);
        return r;
    }
    *ret_applied = applied;
    return 0;
}

int migrate_distribute(struct db *db, struct strbuf *err)
{
    int r = db_connect(db, err);

    if (r == 0)
        r = pg_exec(db, LOCK_SQL, err);
    if (r == 0)
        r = pg_exec(db, "BEGIN", err);
    if (r == 0)
        r = pg_exec(db, sluice_citus[0].begin, err);
    if (r == 0)
        r = pg_exec(db, "COMMIT", err);
    /* The session's end gives the lock back, and ends a transaction that failed. */
    db_disconnect(db);
    return r == DB_DATA_FAULT ? DB_REFUSED : r;
}

/* Two statements: a query cannot name a table that may not exist. */
static int applied_version(struct db *db, uint32_t *ret_version, struct strbuf *err)
{
    _cleanup_result_ PGresult *table = NULL, *newest = NULL;
    int r = pg_query(db, "SELECT to_regclass('schema_migrations') IS NOT NULL", NULL, &table, err);

    if (r != 0)
        return r;
    *ret_version = 0;
    if (strcmp(PQgetvalue(table, 0, 0), "t") != 0)
        return 0;
    r = pg_query(db, "SELECT coalesce(max(version), 0) FROM schema_migrations", NULL, &newest, err);
    if (r != 0)
        return r;
    return parse_u32(span_str(PQgetvalue(newest, 0, 0)), ret_version);
}

int migrate_state_of(struct db *db, struct migration_state *ret, struct strbuf *err)
{
    struct migration_state state = { 0 };
    int r = db_connect(db, err);

    if (r == 0)
        r = applied_version(db, &state.version, err);
    if (r != 0) {
        pg_abandon(db);
        return r;
    }
    if (sluice_migrations_count)
        state.wanted = version_of(&sluice_migrations[sluice_migrations_count - 1]);
    *ret = state;
    return 0;
}
