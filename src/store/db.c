/* The connection itself: how it is opened, what every session is set to, how it is closed. */
#include "store/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "store/pg.h"

#define SHOWN_URL_MAX 1024

struct url_parts {
    const char *user, *password, *host, *port, *dbname;
};

static void url_part(struct url_parts *parts, const PQconninfoOption *option)
{
    const struct {
        const char *keyword;
        const char **value;
    } wanted[] = {
        { "user", &parts->user }, { "password", &parts->password }, { "host", &parts->host },
        { "port", &parts->port }, { "hostaddr", &parts->host },     { "dbname", &parts->dbname },
    };

    for (size_t i = 0; option->val && i < ARRAY_SIZE(wanted); i++)
        if (strcmp(option->keyword, wanted[i].keyword) == 0)
            *wanted[i].value = option->val;
}

/* "a,b" and "1,2" are a:1,b:2; one port is for all hosts. */
static void add_hosts(struct strbuf *out, struct span hosts, struct span ports)
{
    struct span host, port = SPAN_NONE;
    bool first = true;

    while (span_split(&hosts, ',', &host)) {
        (void)span_split(&ports, ',', &port);
        if (!first)
            (void)strbuf_addc(out, ',');
        first = false;
        (void)strbuf_addspan(out, host);
        if (port.len)
            (void)strbuf_addf(out, ":%.*s", SPAN_ARG(port));
    }
}

/* -EINVAL: not a connection string; -ENOMEM. */
static int parse_url(const char *url, PQconninfoOption **ret_options)
{
    char *words = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &words);
    bool memory = !words || !*words || strstr(words, "out of memory");

    if (words && *words) /* empty ones are a constant of libpq */
        PQfreemem(words);
    if (!options)
        return memory ? -ENOMEM : -EINVAL;
    *ret_options = options;
    return 0;
}

static int redact(const char *url, struct strbuf *out)
{
    /* Rebuilt from its known parts: a password can stand in several places of a connection string.
     */
    PQconninfoOption *options;
    struct url_parts parts = { 0 };
    int r = parse_url(url, &options);

    if (r < 0)
        return r;
    for (const PQconninfoOption *o = options; o->keyword; o++)
        url_part(&parts, o);
    (void)strbuf_adds(out, "postgresql://");
    if (parts.user)
        (void)strbuf_adds(out, parts.user);
    if (parts.password)
        (void)strbuf_adds(out, ":***");
    if (parts.user || parts.password)
        (void)strbuf_addc(out, '@');
    add_hosts(out, span_str(parts.host), span_str(parts.port));
    if (parts.dbname)
        (void)strbuf_addf(out, "/%s", parts.dbname);
    PQconninfoFree(options);
    return strbuf_error(out);
}

void db_url_redacted(const char *url, struct strbuf *out)
{
    if (redact(url, out) == -EINVAL)
        (void)strbuf_adds(out, "(not a connection string)");
}

struct db *db_new(const struct db_options *options)
{
    _cleanup_(db_freep) struct db *db = calloc(1, sizeof(*db));

    if (!db)
        return NULL;
    strbuf_init(&db->shown_url, SHOWN_URL_MAX);
    db->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    db->url = strdup(options->url);
    db->application_name = strdup(options->application_name);
    db->connect_timeout_usec = options->connect_timeout_usec;
    db->statement_timeout_usec = options->statement_timeout_usec;
    db->read_only = options->read_only;
    db->report_cache = options->report_cache;
    if (db->cancel_fd < 0 || !db->url || !db->application_name)
        return NULL;
    db_url_redacted(db->url, &db->shown_url);
    return db->shown_url.len ? TAKE_PTR(db) : NULL;
}

struct db *db_free(struct db *db)
{
    if (!db)
        return NULL;
    db_disconnect(db);
    fd_closep(&db->cancel_fd);
    strbuf_release(&db->shown_url);
    free(db->url);
    free(db->application_name);
    free(db);
    return NULL;
}

void db_disconnect(struct db *db)
{
    PQfinish(db->conn);
    db->conn = NULL;
    db->prepared_count = 0;
    db->known_zone[0] = '\0';
    if (db->view == PG_VIEW_ENDING)
        db->view = PG_VIEW_NONE;
}

void db_cancel(struct db *db)
{
    uint64_t one = 1;

    /* The waiting thread drops the connection; the server notices that by itself
     * (client_connection_check_interval). Unlike PQcancel() this never blocks. */
    (void)!write(db->cancel_fd, &one, sizeof(one));
}

/* Parameters before the URL are defaults that the URL may override. */
static PGconn *open_connection(const struct db *db)
{
    char timeout[16];
    const char *const params[][2] = {
        /* A peer that vanished is noticed within 15 s, whether we wait or send. */
        { "keepalives_idle", "6" },
        { "keepalives_interval", "3" },
        { "keepalives_count", "3" },
        { "tcp_user_timeout", "15000" },
        /* With several hosts, writers look for the one that takes writes. */
        { "target_session_attrs", db->read_only ? "any" : "read-write" },
        { "client_encoding", "UTF8" },
        { "fallback_application_name", db->application_name },
        { "connect_timeout", timeout },
        { "dbname", db->url },
    };
    const char *keys[ARRAY_SIZE(params) + 1] = { 0 };
    const char *values[ARRAY_SIZE(params) + 1] = { 0 };

    (void)snprintf(timeout, sizeof(timeout), "%u",
                   (unsigned)((db->connect_timeout_usec + 999999) / 1000000));
    for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
        keys[i] = params[i][0];
        values[i] = params[i][1];
    }
    return PQconnectdbParams(keys, values, /* expand_dbname= */ 1);
}

static void ignore_notice(void *ctx UNUSED, const PGresult *res UNUSED) {}

static int set_session(struct db *db, struct strbuf *err)
{
    char sql[768];

    /* A client that is frozen between two statements must not keep others waiting for its locks.
     *
     * Sessions that write look up many keys at once and never want a table whole; the planner,
     * which takes random reads for slow, would read the register of keys from end to end for each
     * batch.
     *
     * Sessions that read ask the same statements again and again, and each should cost little
     * rather than end soon: planned once, and never on several processors. */
    (void)snprintf(sql, sizeof(sql),
                   "SET timezone = 'UTC'; SET jit = off; SET datestyle = 'ISO';"
                   "SET client_connection_check_interval = '2s'; SET statement_timeout = %llu;"
                   "SET idle_in_transaction_session_timeout = '10s';"
                   "SET default_transaction_read_only = %s; SET enable_seqscan = %s;"
                   "SET default_transaction_isolation = 'read committed'%s",
                   (unsigned long long)(db->statement_timeout_usec / 1000),
                   db->read_only ? "on" : "off", db->read_only ? "on" : "off",
                   db->read_only ? "; SET plan_cache_mode = force_generic_plan;"
                                   "SET max_parallel_workers_per_gather = 0"
                                 : "");
    return pg_exec(db, sql, err);
}

static int check_url(const char *url, struct strbuf *err)
{
    PQconninfoOption *options;
    int r = parse_url(url, &options);

    if (r == 0)
        PQconninfoFree(options);
    if (r != -EINVAL)
        return r;
    /* libpq's own words for it would quote the URL with its password. */
    strbuf_setf(err, "DATABASE_URL is not a PostgreSQL connection string; it looks like "
                     "postgresql://user:password@host:5432/database");
    return DB_REFUSED;
}

static int connect_now(struct db *db, struct strbuf *err)
{
    int r = check_url(db->url, err);

    if (r != 0)
        return r;
    db->conn = open_connection(db);
    if (!db->conn)
        return -ENOMEM;
    if (PQstatus(db->conn) != CONNECTION_OK)
        return pg_fail(db, NULL, err);
    (void)PQsetNoticeReceiver(db->conn, ignore_notice, NULL);
    if (PQsetnonblocking(db->conn, 1) != 0)
        return pg_fail(db, NULL, err);
    return set_session(db, err);
}

/* A db_cancel() that came while nothing ran. One that comes between two statements of an operation
 * stays and ends it: every operation starts with db_connect(), and only there it is forgotten. */
static void forget_cancel(struct db *db)
{
    uint64_t count;

    (void)!read(db->cancel_fd, &count, sizeof(count));
}

/* The end of the report before. It had only read: when that fails there is nothing to be told, a
 * new connection will do. */
static void finish_view(struct db *db)
{
    _cleanup_strbuf_ struct strbuf ignored;

    strbuf_init(&ignored, 512);
    if (db->view != PG_VIEW_ENDING)
        return;
    if (pg_finish(db, &ignored) == 0)
        db->view = PG_VIEW_NONE;
    else
        db_disconnect(db);
}

static bool is_connected(const struct db *db)
{
    return db->conn && PQstatus(db->conn) == CONNECTION_OK;
}

int db_connect(struct db *db, struct strbuf *err)
{
    int r;

    if (db->view == PG_VIEW_OPEN)
        return is_connected(db) ? 0 : pg_fail_lost(db, "the connection ended in a report", err);
    forget_cancel(db);
    finish_view(db);
    if (is_connected(db))
        return 0;
    db_disconnect(db);
    db->failure = (struct pg_failure){ 0 };
    r = connect_now(db, err);
    if (r != 0)
        db_disconnect(db);
    return r;
}

int db_ping(struct db *db, struct strbuf *err)
{
    int r = db_connect(db, err);

    if (r == 0)
        r = pg_exec(db, "SELECT 1", err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

int db_try_lock(struct db *db, const char *name, bool *ret_held, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params params = { 0 };
    int r = db_connect(db, err);

    pg_param_text(&params, name);
    if (r == 0)
        r = pg_query(db, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", &params, &res,
                     err);
    if (r != 0) {
        pg_abandon(db);
        return r;
    }
    *ret_held = strcmp(PQgetvalue(res, 0, 0), "t") == 0;
    return 0;
}
