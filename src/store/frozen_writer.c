#include "store/frozen_writer.h"

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
    return pg_ask_number(db, end_sql, ret_ended, err);
}
