#include "store/frozen_writer.h"

#include "base/number.h"
#include "store/pg.h"

/* Who waits for whom is asked only of those that wait long enough: it stops the lock manager. */
static const char end_sql[] =
    "WITH blockers AS MATERIALIZED (SELECT DISTINCT unnest(pg_blocking_pids(w.pid)) AS pid"
    " FROM pg_stat_activity w WHERE w.datname = current_database() AND w.wait_event_type = 'Lock'"
    " AND w.query_start < now() - interval '2 s')"
    " SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) FROM pg_stat_activity a"
    " JOIN blockers USING (pid)"
    " WHERE a.usename = current_user AND a.application_name LIKE 'sluice %'"
    " AND a.state = 'active' AND a.wait_event = 'ClientRead'"
    " AND a.query_start < now() - interval '10 s'";

int frozen_writers_end(struct db *db, uint64_t *ret_ended, struct strbuf *err)
{
    const struct pg_params none = { 0 };
    _cleanup_result_ PGresult *res = NULL;
    int r = db_connect(db, err);

    *ret_ended = 0;
    if (r == 0)
        r = pg_query(db, end_sql, &none, &res, err);
    if (r == 0)
        return parse_u64(span_str(PQgetvalue(res, 0, 0)), ret_ended);
    pg_abandon(db);
    return r;
}
