/* Statements that a connection prepares once and then calls by name. */
#include <stdio.h>

#include "store/pg.h"

#define NAME_MAX_BYTES 16

/* Whether a statement is prepared, is being prepared by one of the calls before, or is to be. */
enum preparation { PREPARED, TO_PREPARE, UNNAMED };

static int find(const struct db *db, const char *sql, int known)
{
    for (int i = 0; i < known; i++)
        if (db->prepared[i] == sql)
            return i;
    return -1;
}

/* Where the statement is, or will be when the pipeline went well. *known grows by those that will.
 */
static enum preparation place(struct db *db, const char *sql, int *known,
                              char ret_name[NAME_MAX_BYTES])
{
    int i = find(db, sql, *known);
    enum preparation how = PREPARED;

    if (i < 0 && *known == PG_PREPARED_MAX) {
        ret_name[0] = '\0';
        return UNNAMED;
    }
    if (i < 0) {
        i = (*known)++;
        db->prepared[i] = sql;
        how = TO_PREPARE;
    }
    (void)snprintf(ret_name, NAME_MAX_BYTES, "s%d", i);
    return how;
}

static bool send_call(struct db *db, const struct pg_call *call, int *known, bool *ret_prepares)
{
    const struct pg_params *p = &call->params;
    char name[NAME_MAX_BYTES];
    enum preparation how = place(db, call->sql, known, name);

    *ret_prepares = how != PREPARED;
    if (how != PREPARED && !PQsendPrepare(db->conn, name, call->sql, p->count, p->types))
        return false;
    return PQsendQueryPrepared(db->conn, name, p->count, p->values, p->lengths, p->formats,
                               p->binary_results);
}

/* What the server has prepared stays so, also when a statement behind it fails. */
static int take_results(struct db *db, struct pg_call *calls, const bool *prepares, int count,
                        struct strbuf *err)
{
    for (int i = 0; i < count; i++) {
        int r = prepares[i] ? pg_pipeline_result(db, NULL, err) : 0;

        if (r != 0)
            return r;
        if (prepares[i] && db->prepared_count < PG_PREPARED_MAX)
            db->prepared_count++;
        r = pg_pipeline_result(db, &calls[i].result, err);
        if (r != 0)
            return r;
    }
    return pg_pipeline_end(db, err);
}

static int call_all(struct db *db, struct pg_call *calls, int count, struct strbuf *err)
{
    bool prepares[PG_CALLS_MAX];
    int known = db->prepared_count, r = pg_pipeline_begin(db, err);

    for (int i = 0; i < count && r == 0; i++)
        if (!send_call(db, &calls[i], &known, &prepares[i]))
            r = pg_fail(db, NULL, err);
    if (r == 0)
        r = pg_pipeline_sync(db, err);
    return r == 0 ? take_results(db, calls, prepares, count, err) : r;
}

int pg_call_all(struct db *db, struct pg_call *calls, int count, struct strbuf *err)
{
    int r = db_connect(db, err);

    if (r == 0)
        r = call_all(db, calls, count, err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

void pg_calls_clear(struct pg_call *calls, int count)
{
    for (int i = 0; i < count; i++) {
        PQclear(calls[i].result);
        calls[i].result = NULL;
    }
}
