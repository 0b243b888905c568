#include "store/snapshot.h"

#include "base/clock.h"
#include "base/number.h"
#include "store/pg.h"
#include "store/report_query.h"

/* The first statement takes the snapshot, so that what is told of it holds for those that follow.
 * A stream that has told nothing yet has no row: nothing is known of it, nor of its freshness. */
static const char through_sql[] = "SELECT " REPORT_USEC("min(through)") " FROM stream_progress";

static int begin(struct db *db, PGresult **ret_through, struct strbuf *err)
{
    int r = pg_pipeline_begin(db, err);

    if (r == 0)
        r = pg_pipeline_send(db, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, err);
    if (r == 0)
        r = pg_pipeline_send(db, through_sql, NULL, err);
    if (r == 0)
        r = pg_pipeline_sync(db, err);
    if (r == 0)
        r = pg_pipeline_result(db, NULL, err);
    if (r == 0)
        r = pg_pipeline_result(db, ret_through, err);
    if (r == 0)
        r = pg_pipeline_end(db, err);
    return r;
}

int snapshot_begin(struct db *db, struct snapshot *ret, struct strbuf *err)
{
    _cleanup_result_ PGresult *through = NULL;
    struct snapshot view = { 0 };
    int r = db_connect(db, err);

    if (r != 0)
        return r;
    r = begin(db, &through, err);
    if (r != 0) {
        pg_abandon(db);
        return r;
    }
    db->view = PG_VIEW_OPEN;
    if (db->statement_timeout_usec)
        db->view_deadline_usec =
            clock_mono_usec() + db->statement_timeout_usec + PG_TIMEOUT_SLACK_USEC;
    view.has_through = parse_i64(report_text(through, 0, 0), &view.through_usec) == 0;
    *ret = view;
    return 0;
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
