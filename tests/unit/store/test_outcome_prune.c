/* What became of requests is kept for seven days, on a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/outcome_prune.h"
#include "unit/store/batches.h"

static void test_old_rows_go_in_steps(void **state UNUSED)
{
    struct strbuf err;
    char url[PG_URL_MAX];
    uint64_t deleted = 1, total = 0;
    struct db *db;
    PGconn *conn;
    int steps = 0;

    pg_database(url);
    conn = PQconnectdb(url);
    db = pg_db(url);
    strbuf_init(&err, 1024);
    (void)pg_value(conn, "INSERT INTO request_outcomes (received_at, processed_at, seq, stored_at,"
                         " events, stored, duplicates, conflicts, dead, expired, stream,"
                         " correlation_id) SELECT now(), now() - i * interval '10 seconds', i, 0,"
                         " 1, 1, 0, 0, 0, 0, 'S', 'c' FROM generate_series(1, 72000) AS i");
    while (deleted > 0) {
        if (outcome_prune_some(db, &deleted, &err) != 0)
            fail_msg("%s", err.ptr);
        total += deleted;
        steps++;
    }
    /* 60480 * 10 seconds are seven days, which go on meanwhile. */
    assert_in_range(total, 11520, 11800);
    assert_int_equal(steps, 3);
    assert_int_equal(pg_number(conn, "SELECT count(*) FROM request_outcomes"), 72000 - (long)total);
    assert_int_equal(pg_number(conn, "SELECT count(*) FROM request_outcomes"
                                     " WHERE processed_at < now() - interval '169 hours'"),
                     0);
    (void)db_free(db);
    strbuf_release(&err);
    PQfinish(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_rows_go_in_steps),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
