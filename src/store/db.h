/*
 * A connection to PostgreSQL and the meaning of its errors. src/store/ is the only folder that
 * includes libpq-fe.h.
 *
 * Which failures are whose fault decides what becomes of an event, so that there is one function
 * for it (db_class_of_sqlstate): a data fault is class 22, 23502, a 23514 that names one of our
 * CHECKs, or 54000/54001. Everything else (connection lost, deadlock, serialization, disk full,
 * shut down, unknown) means: try again later, never dead-letter.
 *
 * A struct db belongs to one thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/strbuf.h"

/* Outcomes of everything that talks to the database. 0 is success; these are > 0 because a caller
 * must act on them; < 0 is -errno (-ENOMEM, -ECANCELED). */
enum db_outcome {
    DB_RETRY = 1,   /* not now: away, overloaded, conflict with another writer; nothing committed */
    DB_UNKNOWN = 2, /* the connection was lost during COMMIT: it may have happened */
    DB_DATA_FAULT = 3, /* the data itself can never be stored */
    DB_REFUSED =
        4 /* wrong credentials, missing table, too old schema: a person must act; retry slowly */
};

struct db;
struct report_cache;

struct db_options {
    const char *url; /* DATABASE_URL: postgresql://... or keyword=value; several hosts allowed */
    const char *application_name; /* shown in pg_stat_activity: "sluice fb-collector" */
    uint64_t connect_timeout_usec;
    uint64_t statement_timeout_usec; /* 0 = none; else a server that is silent for longer is gone */
    bool read_only;
    struct report_cache *report_cache; /* for reports (store/report.h); borrowed, NULL = none */
};

/* Makes the handle; connects at first use. NULL when out of memory. Strings are copied. */
struct db *db_new(const struct db_options *options);
struct db *db_free(struct db *db);
DEFINE_CLEANUP(struct db *, db_free)

/* Connects if it is not connected. 0, DB_RETRY or DB_REFUSED with *err for a person. Blocks up to
 * the connect timeout for each host of the URL (in whole seconds, at least 2). TCP keepalives and
 * tcp_user_timeout notice a peer that vanished within 15 s. With several hosts a connection that is
 * not read_only goes to the one that takes writes. Every other function of src/store/ connects by
 * itself. */
int db_connect(struct db *db, struct strbuf *err) MUST_CHECK;
void db_disconnect(struct db *db);

/* SELECT 1. */
int db_ping(struct db *db, struct strbuf *err) MUST_CHECK;

/* Takes the lock of that name, which all processes of the database share, for as long as the
 * connection lasts: db_disconnect() gives it back. Does not wait: *ret_held says whether it is
 * ours. Once a connection. */
int db_try_lock(struct db *db, const char *name, bool *ret_held, struct strbuf *err) MUST_CHECK;

/* Ends the wait for the statement that runs on `db`: its caller gets DB_RETRY (DB_UNKNOWN in a
 * COMMIT) and the connection is dropped; the server notices within seconds. Never blocks, does
 * nothing when nothing runs. The only function that may be called from another thread; `db` MUST
 * outlive the call. */
void db_cancel(struct db *db);

/* The class of a SQLSTATE (5 characters). constraint: its name for 23514, else NULL. */
enum db_outcome db_class_of_sqlstate(const char *sqlstate, const char *constraint);

/* The URL with its password replaced by "***", for logs. */
void db_url_redacted(const char *url, struct strbuf *out);
