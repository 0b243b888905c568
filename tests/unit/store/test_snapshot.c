/* A report's view of the database: one for all its statements, ended whatever happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/pg.h"
#include "store/snapshot.h"
#include "unit/store/pg_server.h"

#define TIMEOUT_USEC UINT64_C(1000000)

static char url[PG_URL_MAX];

struct rig {
    struct db *reader;
    PGconn *writer;
    struct snapshot view;
    struct strbuf err;
};

static PGconn *connect_writer(void)
{
    PGconn *conn = PQconnectdb(url);

    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    return conn;
}

static int set_up(void **state)
{
    const struct db_options options = {
        .url = url,
        .application_name = "sluice reader",
        .connect_timeout_usec = 10 * UINT64_C(1000000),
        .statement_timeout_usec = TIMEOUT_USEC,
        .read_only = true,
    };
    struct rig *rig = calloc(1, sizeof(*rig));

    assert_non_null(rig);
    strbuf_init(&rig->err, 1024);
    rig->reader = db_new(&options);
    rig->writer = connect_writer();
    (void)pg_value(rig->writer, "TRUNCATE stream_progress");
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    (void)db_free(rig->reader);
    PQfinish(rig->writer);
    strbuf_release(&rig->err);
    free(rig);
    return 0;
}

static int begin(struct rig *rig)
{
    return snapshot_begin(rig->reader, &rig->view, &rig->err);
}

static void tell(struct rig *rig, const char *stream, const char *through)
{
    char sql[256];

    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO stream_progress (stream, through) VALUES ('%s', '%s')"
                   " ON CONFLICT (stream) DO UPDATE SET through = excluded.through",
                   stream, through);
    (void)pg_value(rig->writer, sql);
}

/* Whether the reader sees a stream; connects first, as every report does. */
static bool sees_one(struct rig *rig)
{
    _cleanup_result_ PGresult *rows = NULL;

    assert_int_equal(db_connect(rig->reader, &rig->err), 0);
    assert_int_equal(pg_query(rig->reader, "SELECT EXISTS (SELECT FROM stream_progress)", NULL,
                              &rows, &rig->err),
                     0);
    return PQgetvalue(rows, 0, 0)[0] == 't';
}

static void all_statements_see_the_same(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(begin(rig), 0);
    assert_false(sees_one(rig));
    tell(rig, "A", "2026-01-31T12:00:00Z");
    assert_false(sees_one(rig));
    snapshot_end(rig->reader);
    assert_true(sees_one(rig));
}

static void the_slowest_stream_says_how_fresh_it_is(void **state)
{
    struct rig *rig = *state;

    rig->view.has_through = true;
    assert_int_equal(begin(rig), 0);
    assert_false(rig->view.has_through);
    snapshot_end(rig->reader);
    tell(rig, "A", "2026-01-31T12:00:00.000001Z");
    tell(rig, "B", "2026-01-31T13:00:00Z");
    assert_int_equal(begin(rig), 0);
    assert_true(rig->view.has_through);
    assert_true(rig->view.through_usec == INT64_C(1769860800) * USEC_PER_SEC + 1);
    snapshot_end(rig->reader);
}

/* Nobody waits for its end, and yet the server has no transaction open afterwards. */
static void its_end_is_committed(void **state)
{
    struct rig *rig = *state;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(begin(rig), 0);
        snapshot_end(rig->reader);
        snapshot_end(rig->reader);
        pg_wait_until(rig->writer, "SELECT count(*) = 1 FROM pg_stat_activity"
                                   " WHERE application_name = 'sluice reader' AND state = 'idle'");
    }
    assert_int_equal(db_ping(rig->reader, &rig->err), 0);
}

static void a_failed_statement_ends_it(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(begin(rig), 0);
    assert_int_equal(pg_exec(rig->reader, "SELECT 1/0", &rig->err), DB_DATA_FAULT);
    pg_abandon(rig->reader);
    snapshot_end(rig->reader);
    assert_int_equal(begin(rig), 0);
    assert_int_equal(pg_exec(rig->reader, "SELECT 1/0", &rig->err), DB_DATA_FAULT);
    snapshot_end(rig->reader); /* nobody has abandoned it */
    assert_int_equal(begin(rig), 0);
    assert_false(sees_one(rig));
    snapshot_end(rig->reader);
}

static void end_connections(struct rig *rig)
{
    (void)pg_value(rig->writer, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                                " WHERE application_name = 'sluice reader'");
}

/* The rest of a report must not come from another view. */
static void a_lost_connection_is_not_made_again_within(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(begin(rig), 0);
    end_connections(rig);
    assert_int_equal(pg_exec(rig->reader, "SELECT 1", &rig->err), DB_RETRY);
    pg_abandon(rig->reader);
    assert_int_equal(db_connect(rig->reader, &rig->err), DB_RETRY);
    snapshot_end(rig->reader);
    assert_int_equal(begin(rig), 0);
    snapshot_end(rig->reader);
}

/* A cancelled report stays cancelled, wherever in it that came. */
static void a_cancel_between_two_statements_holds(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(begin(rig), 0);
    db_cancel(rig->reader);
    assert_int_equal(db_connect(rig->reader, &rig->err), 0);
    assert_int_equal(pg_exec(rig->reader, "SELECT 1", &rig->err), DB_RETRY);
    pg_abandon(rig->reader);
    snapshot_end(rig->reader);
    assert_int_equal(begin(rig), 0);
    snapshot_end(rig->reader);
}

/* Each of its statements is within the time for one: all together are not. */
static void its_statements_share_the_time(void **state)
{
    struct rig *rig = *state;
    int r = 0, n = 0;

    assert_int_equal(begin(rig), 0);
    for (; r == 0 && n < 10; n++)
        r = pg_exec(rig->reader, "SELECT pg_sleep(0.8)", &rig->err);
    assert_int_equal(r, DB_RETRY);
    assert_true(n <= 5);
    pg_abandon(rig->reader);
    snapshot_end(rig->reader);
    assert_int_equal(db_ping(rig->reader, &rig->err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_statements_see_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_slowest_stream_says_how_fresh_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_end_is_committed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_statement_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_connection_is_not_made_again_within, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_cancel_between_two_statements_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_statements_share_the_time, set_up, tear_down),
    };

    pg_server_start();
    pg_database(url);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
