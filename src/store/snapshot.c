#include "store/snapshot.h"

#include "base/clock.h"
#include "base/number.h"
#include "store/pg.h"
#include "store/report_query.h"

static const char begin_sql[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/* The first statement takes the snapshot, so that what is told of it holds for those that follow.
 * A stream that has told nothing yet has no row: nothing is known of it, nor of its freshness. */
static const char through_sql[] = "SELECT " REPORT_USEC("min(through)") " FROM stream_progress";

int snapshot_begin(struct db *db, struct snapshot *ret, struct strbuf *err)
{
    struct pg_call calls[] = { { .sql = begin_sql }, { .sql = through_sql } };
    struct snapshot view = { 0 };
    int r = pg_call_all(db, calls, ARRAY_SIZE(calls), err);

    if (r == 0) {
        view.has_through = parse_i64(report_text(calls[1].result, 0, 0), &view.through_usec) == 0;
        db->view = PG_VIEW_OPEN;
        if (db->statement_timeout_usec)
            db->view_deadline_usec =
                clock_mono_usec() + db->statement_timeout_usec + PG_TIMEOUT_SLACK_USEC;
        *ret = view;
    }
    pg_calls_clear(calls, ARRAY_SIZE(calls));
    return r;
}

void snapshot_end(struct db *db)
{
    if (db->view != PG_VIEW_OPEN)
        return;
    db->view = PG_VIEW_NONE;
    db->view_deadline_usec = 0;
    /* After a failure pg_abandon() has rolled back, or dropped the connection. */
    if (!db->conn || PQtransactionStatus(db->conn) == PQTRANS_IDLE)
        return;
    pg_start_command(db);
    if (PQtransactionStatus(db->conn) == PQTRANS_INTRANS && PQsendQuery(db->conn, "COMMIT") &&
        PQflush(db->conn) == 0)
        db->view = PG_VIEW_ENDING;
    else
        db_disconnect(db);
}
