/*
 * Statements over a libpq connection in non-blocking mode: everything waits in wait_socket(), which
 * also hears the deadline and db_cancel().
 */
#include "store/pg.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"

static void add_param(struct pg_params *p, uint32_t type, const char *value, size_t len, int format)
{
    int i = p->count++;

    p->types[i] = type;
    p->values[i] = value;
    p->lengths[i] = (int)len;
    p->formats[i] = format;
}

void pg_param_text(struct pg_params *p, const char *value)
{
    add_param(p, /* type= */ 0, value, 0, /* format= */ 0);
}

void pg_param_binary(struct pg_params *p, uint32_t type, struct span bytes)
{
    add_param(p, type, bytes.ptr, bytes.len, /* format= */ 1);
}

static uint64_t deadline_of(const struct db *db)
{
    uint64_t deadline;

    if (!db->statement_timeout_usec)
        return 0;
    deadline = clock_mono_usec() + db->statement_timeout_usec + PG_TIMEOUT_SLACK_USEC;
    return db->view_deadline_usec ? MIN(deadline, db->view_deadline_usec) : deadline;
}

static int poll_timeout_ms(uint64_t deadline)
{
    uint64_t now;

    if (!deadline)
        return -1;
    now = clock_mono_usec();
    return now >= deadline ? 0 : (int)MIN((deadline - now) / 1000 + 1, (uint64_t)INT32_MAX);
}

/* Waits for `events` on the socket; *ret_events is what came. */
static int wait_socket(struct db *db, short events, uint64_t deadline, short *ret_events,
                       struct strbuf *err)
{
    struct pollfd fds[] = {
        { .fd = PQsocket(db->conn), .events = events },
        { .fd = db->cancel_fd, .events = POLLIN },
    };
    int n;

    do
        n = poll(fds, ARRAY_SIZE(fds), poll_timeout_ms(deadline));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (n == 0)
        return pg_fail_lost(db, "no answer within the statement timeout", err);
    if (fds[1].revents)
        return pg_fail_lost(db, "the statement was cancelled", err);
    *ret_events = fds[0].revents;
    return 0;
}

/* Sends what libpq still holds and takes in what came, once. */
static int exchange(struct db *db, uint64_t deadline, bool want_read, bool *ret_flushed,
                    struct strbuf *err)
{
    int pending = PQflush(db->conn), r;
    short came = 0;

    if (pending < 0)
        return pg_fail(db, NULL, err);
    *ret_flushed = pending == 0;
    if (pending == 0 && !want_read)
        return 0;
    /* Reading while sending, or both sides could wait for the other to read. */
    r = wait_socket(db, pending ? POLLIN | POLLOUT : POLLIN, deadline, &came, err);
    if (r != 0)
        return r;
    if ((came & ~POLLOUT) && !PQconsumeInput(db->conn))
        return pg_fail(db, NULL, err);
    return 0;
}

int pg_flush(struct db *db, struct strbuf *err)
{
    uint64_t deadline = deadline_of(db);
    bool flushed = false;

    while (!flushed) {
        int r = exchange(db, deadline, /* want_read= */ false, &flushed, err);
        if (r != 0)
            return r;
    }
    return 0;
}

/* libpq 15 forgets a result for which it has no memory, the end of a pipeline for one, and then
 * says for ever that it is still to come. */
static bool has_lost_result(const struct db *db)
{
    return strstr(PQerrorMessage(db->conn), "out of memory") != NULL;
}

int pg_next_result(struct db *db, PGresult **ret_result, struct strbuf *err)
{
    uint64_t deadline = deadline_of(db);
    bool flushed;

    while (PQisBusy(db->conn)) {
        int r = has_lost_result(db) ? pg_fail(db, NULL, err)
                                    : exchange(db, deadline, /* want_read= */ true, &flushed, err);
        if (r != 0)
            return r;
    }
    *ret_result = PQgetResult(db->conn);
    return 0;
}

static bool result_is_good(const PGresult *res)
{
    switch (PQresultStatus(res)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        return true;
    default:
        return false;
    }
}

void pg_start_command(struct db *db)
{
    db->failure = (struct pg_failure){ 0 };
}

/* Takes all results of one command; the last good one is the caller's. */
static int collect(struct db *db, PGresult **ret_result, struct strbuf *err)
{
    _cleanup_result_ PGresult *kept = NULL;
    int outcome = 0;

    for (;;) {
        PGresult *res;
        int r = pg_next_result(db, &res, err);
        if (r != 0)
            return r;
        if (!res)
            break;
        if (!result_is_good(res) && outcome == 0)
            outcome = pg_fail(db, res, err);
        PQclear(kept);
        kept = res;
    }
    if (outcome == 0 && PQstatus(db->conn) != CONNECTION_OK)
        return pg_fail(db, NULL, err);
    if (outcome == 0 && ret_result)
        *ret_result = TAKE_PTR(kept);
    return outcome;
}

int pg_exec(struct db *db, const char *sql, struct strbuf *err)
{
    pg_start_command(db);
    if (!PQsendQuery(db->conn, sql))
        return pg_fail(db, NULL, err);
    return collect(db, NULL, err);
}

int pg_finish(struct db *db, struct strbuf *err)
{
    return collect(db, NULL, err);
}

static bool send_params(struct db *db, const char *sql, const struct pg_params *p)
{
    static const struct pg_params none;

    if (!p)
        p = &none;
    return PQsendQueryParams(db->conn, sql, p->count, p->types, p->values, p->lengths, p->formats,
                             p->binary_results);
}

int pg_query(struct db *db, const char *sql, const struct pg_params *p, PGresult **ret_result,
             struct strbuf *err)
{
    pg_start_command(db);
    if (!send_params(db, sql, p))
        return pg_fail(db, NULL, err);
    return collect(db, ret_result, err);
}

int pg_pipeline_begin(struct db *db, struct strbuf *err)
{
    pg_start_command(db);
    return PQenterPipelineMode(db->conn) ? 0 : pg_fail(db, NULL, err);
}

int pg_pipeline_send(struct db *db, const char *sql, const struct pg_params *p, struct strbuf *err)
{
    return send_params(db, sql, p) ? 0 : pg_fail(db, NULL, err);
}

int pg_pipeline_sync(struct db *db, struct strbuf *err)
{
    return PQpipelineSync(db->conn) ? 0 : pg_fail(db, NULL, err);
}

int pg_pipeline_result(struct db *db, PGresult **ret_result, struct strbuf *err)
{
    /* Each statement of a pipeline has one result and a NULL behind it. */
    return collect(db, ret_result, err);
}

int pg_pipeline_end(struct db *db, struct strbuf *err)
{
    _cleanup_result_ PGresult *sync = NULL;
    int r = pg_next_result(db, &sync, err);

    if (r != 0)
        return r;
    if (PQresultStatus(sync) != PGRES_PIPELINE_SYNC || !PQexitPipelineMode(db->conn))
        return pg_fail(db, NULL, err);
    return 0;
}

/* Reads on to the end of what the server answers to a command or pipeline that failed. */
static bool drain(struct db *db, struct strbuf *err)
{
    for (;;) {
        _cleanup_result_ PGresult *res = NULL;
        if (pg_next_result(db, &res, err) != 0 || PQstatus(db->conn) != CONNECTION_OK)
            return false;
        if (PQresultStatus(res) == PGRES_COPY_IN)
            return false;
        if (PQresultStatus(res) == PGRES_PIPELINE_SYNC)
            return PQexitPipelineMode(db->conn);
        if (!res && PQpipelineStatus(db->conn) == PQ_PIPELINE_OFF)
            return true;
    }
}

/* Only an error that the server reported leaves the protocol where drain() can find its end. */
static bool can_roll_back(const struct db *db)
{
    return db->conn && db->failure.sqlstate[0] && !db->failure.lost &&
           PQstatus(db->conn) == CONNECTION_OK;
}

void pg_abandon(struct db *db)
{
    const struct pg_failure failure = db->failure;
    _cleanup_strbuf_ struct strbuf ignored;

    strbuf_init(&ignored, 512);
    if (!can_roll_back(db) || !drain(db, &ignored) || pg_exec(db, "ROLLBACK", &ignored) != 0)
        db_disconnect(db);
    db->failure = failure;
}

int pg_ask_number(struct db *db, const char *sql, uint64_t *ret, struct strbuf *err)
{
    const struct pg_params none = { 0 };
    _cleanup_result_ PGresult *res = NULL;
    int r = db_connect(db, err);

    *ret = 0;
    if (r == 0)
        r = pg_query(db, sql, &none, &res, err);
    if (r == 0)
        return parse_u64(span_str(PQgetvalue(res, 0, 0)), ret);
    pg_abandon(db);
    return r;
}
