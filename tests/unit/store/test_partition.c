/* Tomorrow's partition, made before midnight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/partition.h"
#include "unit/store/pg_server.h"

#define COUNT "SELECT count(*) FROM pg_inherits WHERE inhparent = 'processed_events'::regclass"
#define OF_TOMORROW                                                                                \
    COUNT " AND inhrelid = to_regclass('processed_events_' ||"                                     \
          " to_char((now() AT TIME ZONE 'UTC')::date + 1, 'YYYYMMDD'))"

static void test_is_made_once(void **state UNUSED)
{
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    bool there = false;
    char url[PG_URL_MAX];
    PGconn *conn;

    pg_database(url);
    strbuf_init(&err, 1024);
    db = pg_db(url);
    conn = PQconnectdb(url);
    assert_int_equal(pg_number(conn, COUNT), 0);
    assert_int_equal(partition_ensure_tomorrow(db, &there, &err), 0);
    assert_true(there);
    assert_int_equal(pg_number(conn, OF_TOMORROW), 1);
    there = false;
    assert_int_equal(partition_ensure_tomorrow(db, &there, &err), 0);
    assert_true(there);
    assert_int_equal(pg_number(conn, COUNT), 1);
    PQfinish(conn);
}

static void test_cannot_be_made(void **state UNUSED)
{
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    bool there = false;
    char url[PG_URL_MAX];
    PGconn *conn;

    pg_database(url);
    strbuf_init(&err, 1024);
    db = pg_db(url);
    conn = PQconnectdb(url);
    (void)pg_value(conn, "ALTER FUNCTION ensure_events_partition RENAME TO gone");
    assert_int_equal(partition_ensure_tomorrow(db, &there, &err), DB_REFUSED);
    assert_non_null(strstr(err.ptr, "ensure_events_partition"));
    assert_false(there);
    /* A day that lies behind what is retained is not made, and that is told. */
    (void)pg_value(conn, "ALTER FUNCTION gone RENAME TO ensure_events_partition");
    (void)pg_value(conn, "UPDATE retention SET retained_from ="
                         " ((now() AT TIME ZONE 'UTC')::date + 2)::timestamp AT TIME ZONE 'UTC'");
    there = true;
    assert_int_equal(partition_ensure_tomorrow(db, &there, &err), 0);
    assert_false(there);
    PQfinish(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_made_once),
        cmocka_unit_test(test_cannot_be_made),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
