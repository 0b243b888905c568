/* Rows of event_metrics: written once, by whoever comes first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/service_metrics.h"
#include "unit/store/pg_server.h"

static void test_written_once(void **state UNUSED)
{
    struct service_metric_row rows[] = {
        { SPAN("gateway"), SPAN("host-1-2"), SPAN("a_total{source=\"x\"}"), 60 * USEC_PER_SEC,
          1.5 },
        { SPAN("gateway"), SPAN("host-1-2"), SPAN("b_total"), 60 * USEC_PER_SEC, 2 },
        { SPAN("gateway"), SPAN("host-1-2"), SPAN("b_total"), 60 * USEC_PER_SEC, 3 }, /* twice */
        { SPAN("gateway"), SPAN("host-1-2"), SPAN("b_total"), 120 * USEC_PER_SEC, 4 },
    };
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    char url[PG_URL_MAX];
    PGconn *conn;

    pg_database(url);
    strbuf_init(&err, 1024);
    db = pg_db(url);
    conn = PQconnectdb(url);
    assert_int_equal(service_metrics_store(db, rows, 0, &err), 0);
    assert_int_equal(service_metrics_store(db, rows, ARRAY_SIZE(rows), &err), 0);
    rows[0].value = 99; /* too late: it stands */
    assert_int_equal(service_metrics_store(db, rows, ARRAY_SIZE(rows), &err), 0);
    assert_string_equal(pg_value(conn,
                                 "SELECT string_agg((extract(epoch FROM minute)::int, service,"
                                 " instance, metric, value)::text, ' ' ORDER BY minute, metric)"
                                 " FROM event_metrics"),
                        "(60,gateway,host-1-2,\"a_total{source=\"\"x\"\"}\",1.5) "
                        "(60,gateway,host-1-2,b_total,2) (120,gateway,host-1-2,b_total,4)");
    (void)pg_value(conn, "DROP TABLE event_metrics");
    assert_int_equal(service_metrics_store(db, rows, 1, &err), DB_REFUSED);
    PQfinish(conn);
}

static void test_old_ones_are_deleted(void **state UNUSED)
{
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    uint64_t deleted = 99, more = 99;
    char url[PG_URL_MAX];
    PGconn *conn;

    pg_database(url);
    strbuf_init(&err, 1024);
    db = pg_db(url);
    conn = PQconnectdb(url);
    (void)pg_value(conn, "INSERT INTO event_metrics SELECT now() - i * interval '1 minute', 1, 's',"
                         " 'i', 'm' FROM generate_series(1, 20000) i");
    assert_int_equal(service_metrics_prune(db, 14, &deleted, &err), 0);
    assert_int_equal(deleted, 0);
    assert_int_equal(service_metrics_prune(db, 1, &deleted, &err), 0);
    assert_int_equal(deleted, 10000);
    assert_int_equal(service_metrics_prune(db, 1, &deleted, &err), 0);
    assert_int_equal(service_metrics_prune(db, 1, &more, &err), 0);
    assert_int_equal(more, 0);
    assert_int_equal(deleted + (uint64_t)pg_number(conn, "SELECT count(*) FROM event_metrics"),
                     10000);
    assert_int_equal(pg_number(conn, "SELECT count(*) FROM event_metrics"
                                     " WHERE minute < now() - interval '1 day'"),
                     0);
    PQfinish(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_once),
        cmocka_unit_test(test_old_ones_are_deleted),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
