/*
 * What the files of src/store/ share about libpq: statements, pipelines and their errors. Nothing
 * outside this folder includes it.
 *
 * All waiting goes through one loop (pg.c) that watches the socket, the deadline of the statement
 * and db_cancel(): a server that vanished or was stopped never holds a thread for ever when the
 * connection has a statement timeout. Functions return 0, an enum db_outcome or -errno, with *err
 * for a person. After anything but 0 the transaction is over: call pg_abandon().
 */
#pragma once

#include <libpq-fe.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "store/db.h"

struct report_cache;

struct pg_failure {
    char sqlstate[6]; /* "" when the server did not say */
    bool lost;        /* the connection ended */
    bool constrained; /* the server named a constraint */
};

/* What snapshot_begin() and snapshot_end() have made of the connection. */
enum pg_view {
    PG_VIEW_NONE,
    PG_VIEW_OPEN,   /* its statements are one operation: no new connection in between */
    PG_VIEW_ENDING, /* COMMIT was sent, its result is still to come */
};

/* How many statements a connection may have prepared; more are parsed each time. */
#define PG_PREPARED_MAX 64

struct db {
    PGconn *conn; /* NULL = not connected */
    char *url;
    char *application_name;
    struct strbuf shown_url; /* without the password */
    uint64_t connect_timeout_usec;
    uint64_t statement_timeout_usec;
    bool read_only;
    int cancel_fd;             /* eventfd: db_cancel() to the waiting thread */
    struct pg_failure failure; /* of the last statement */
    enum pg_view view;
    uint64_t view_deadline_usec;           /* monotonic, of an open view; 0 = none */
    const char *prepared[PG_PREPARED_MAX]; /* texts of statements of this connection */
    int prepared_count;
    struct report_cache *report_cache; /* borrowed, NULL = none */
    char known_zone[64]; /* a name that the server knows as that of a time zone; "" = none yet */
};

/* How long a query may answer later than the server's own statement timeout before it counts as
 * gone. */
#define PG_TIMEOUT_SLACK_USEC (2 * UINT64_C(1000000))

static inline void pg_result_clearp(PGresult **res)
{
    PQclear(*res);
}
#define _cleanup_result_ _cleanup_(pg_result_clearp)

/* Type OIDs of PostgreSQL's catalog (src/include/catalog/pg_type.dat); they never change. */
enum pg_type {
    PG_INT8 = 20,
    PG_INT4 = 23,
    PG_TEXT = 25,
    PG_FLOAT8 = 701,
    PG_DATE = 1082,
    PG_TIMESTAMPTZ = 1184,
    PG_VARBIT = 1562,
    PG_NUMERIC = 1700,
    PG_UUID = 2950,
};

/* Parameters of a statement. The values are borrowed until it was sent. */
#define PG_PARAMS_MAX 20
struct pg_params {
    int count;
    bool binary_results;
    Oid types[PG_PARAMS_MAX];
    const char *values[PG_PARAMS_MAX];
    int lengths[PG_PARAMS_MAX];
    int formats[PG_PARAMS_MAX];
};

/* NULL = SQL null. The type follows from the statement: cast it there. */
void pg_param_text(struct pg_params *p, const char *value);
/* type: OID of the value; bytes in the type's binary send format. */
void pg_param_binary(struct pg_params *p, uint32_t type, struct span bytes);

/* Statements without parameters, separated by semicolons; results are dropped. */
int pg_exec(struct db *db, const char *sql, struct strbuf *err) MUST_CHECK;
/* Takes the results of a PQsendQuery(), as pg_exec() does. */
int pg_finish(struct db *db, struct strbuf *err) MUST_CHECK;
/* One statement; *ret_result is to be cleared with PQclear() (_cleanup_result_). */
int pg_query(struct db *db, const char *sql, const struct pg_params *p, PGresult **ret_result,
             struct strbuf *err) MUST_CHECK;

/* Several statements in one round trip: begin, send each, sync, then one pg_pipeline_result() for
 * each in order (ret_result may be NULL), then end. When one fails the server skips the rest. */
int pg_pipeline_begin(struct db *db, struct strbuf *err) MUST_CHECK;
int pg_pipeline_send(struct db *db, const char *sql, const struct pg_params *p,
                     struct strbuf *err) MUST_CHECK;
int pg_pipeline_sync(struct db *db, struct strbuf *err) MUST_CHECK;
int pg_pipeline_result(struct db *db, PGresult **ret_result, struct strbuf *err) MUST_CHECK;
int pg_pipeline_end(struct db *db, struct strbuf *err) MUST_CHECK;

/* A statement that is asked again and again: the connection prepares it at its first use, so that
 * the server parses and plans it once. sql: a constant, known by its address. */
struct pg_call {
    const char *sql;
    struct pg_params params;
    PGresult *result; /* NULL until then; pg_calls_clear() */
};

#define PG_CALLS_MAX 8

/* At most PG_CALLS_MAX of them in one round trip, in order, in the caller's transaction if there is
 * one. Connects before and cleans up after a failure. */
int pg_call_all(struct db *db, struct pg_call *calls, int count, struct strbuf *err) MUST_CHECK;
void pg_calls_clear(struct pg_call *calls, int count);

/* The number that a statement of its own answers. Connects before and cleans up after a failure. */
int pg_ask_number(struct db *db, const char *sql, uint64_t *ret, struct strbuf *err) MUST_CHECK;

/* Forgets the last failure. Every command starts so. */
void pg_start_command(struct db *db);
/* Next result of what was sent, NULL at the end. */
int pg_next_result(struct db *db, PGresult **ret_result, struct strbuf *err) MUST_CHECK;
/* Waits until all that libpq holds was handed to the kernel. */
int pg_flush(struct db *db, struct strbuf *err) MUST_CHECK;

/* Ends whatever state a failure left: rolls back, or drops the connection where that is not sure to
 * work. db->failure stays. */
void pg_abandon(struct db *db);

/* Notes in db->failure what is known of a failed result (of the connection, when res is NULL),
 * writes a line for a person and returns the outcome. */
int pg_fail(struct db *db, const PGresult *res, struct strbuf *err);
/* The same for a failure of our own making: outcome and reason. */
int pg_fail_lost(struct db *db, const char *why, struct strbuf *err);

static inline bool pg_failed_with(const struct db *db, const char *sqlstate)
{
    return strcmp(db->failure.sqlstate, sqlstate) == 0;
}
