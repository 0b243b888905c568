/* What the collectors have made of a stream, on a real PostgreSQL: counted a little at a time it is
 * what the whole ledger says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/progress.h"
#include "unit/store/batches.h"

struct fixture {
    char url[PG_URL_MAX];
    PGconn *conn;
    struct db *db;
    struct strbuf err;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    pg_database(f->url);
    f->conn = PQconnectdb(f->url);
    f->db = pg_db(f->url);
    strbuf_init(&f->err, 1024);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    (void)db_free(f->db);
    strbuf_release(&f->err);
    PQfinish(f->conn);
    free(f);
    return 0;
}

/* Rows of the messages first..last: 10 events each. */
static void add_rows(struct fixture *f, const char *stream, long first, long last, long stored_at)
{
    char sql[512];

    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO ledger (stream, seq, stored_at, events, stored, duplicates,"
                   " conflicts, dead, expired)"
                   " SELECT '%s', i, %ld, 10, 4, 3, 2, 2, 1 FROM generate_series(%ld, %ld) i",
                   stream, stored_at, first, last);
    (void)pg_value(f->conn, sql);
}

static void expect(struct fixture *f, struct progress *p, uint64_t floor, uint64_t messages)
{
    assert_int_equal(progress_update(f->db, "A", floor, p, &f->err), 0);
    assert_int_equal(p->all.messages, messages);
    assert_int_equal(p->all.events, 10 * messages);
    assert_int_equal(p->all.stored, 4 * messages);
    assert_int_equal(p->all.duplicates, 3 * messages);
    assert_int_equal(p->all.dead, 2 * messages);
    assert_int_equal(p->all.expired, messages);
}

static void test_a_little_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct progress p = { 0 };

    expect(f, &p, 0, 0);
    add_rows(f, "A", 1, 100, 1);
    add_rows(f, "B", 1, 7, 1); /* of another stream */
    expect(f, &p, 90, 100);    /* the last ones are committed and not acked yet */
    assert_int_equal(p.settled.messages, 90);
    expect(f, &p, 90, 100);
    add_rows(f, "A", 102, 110, 1); /* one is in another writer's hands */
    expect(f, &p, 100, 109);
    add_rows(f, "A", 101, 101, 1);
    expect(f, &p, 110, 110);
    assert_int_equal(p.settled.messages, 110);
}

static void test_pruned_rows_count_on(void **state)
{
    struct fixture *f = *state;
    struct progress p = { 0 }, late = { 0 };

    add_rows(f, "A", 1, 50, 1);
    expect(f, &p, 50, 50);
    (void)pg_value(f->conn,
                   "WITH gone AS (DELETE FROM ledger WHERE stream = 'A' AND seq <= 30 RETURNING *)"
                   " INSERT INTO ledger_totals (stream, messages, events, stored, duplicates,"
                   " conflicts, dead, expired, through_seq, through_time)"
                   " SELECT 'A', count(*), sum(events), sum(stored), sum(duplicates),"
                   " sum(conflicts), sum(dead), sum(expired), 30, 1 FROM gone");
    add_rows(f, "A", 51, 60, 1);
    expect(f, &p, 60, 60);
    expect(f, &late, 60, 60); /* who comes later counts the same */
}

static void test_a_stream_made_anew(void **state)
{
    struct fixture *f = *state;
    struct progress p = { 0 };

    add_rows(f, "A", 1, 50, 1);
    expect(f, &p, 50, 50);
    add_rows(f, "A", 1, 20, 2);
    expect(f, &p, 20, 70);
    add_rows(f, "A", 21, 60, 2);
    expect(f, &p, 60, 110);
}

static void test_the_least_stream_says_how_far(void **state)
{
    struct fixture *f = *state;
    int64_t through = -1;

    assert_int_equal(progress_through(f->db, &through, &f->err), 0);
    assert_int_equal(through, 0);
    (void)pg_value(f->conn, "INSERT INTO stream_progress (stream, through) VALUES"
                            " ('A', '2026-01-31T12:00:01.5Z'), ('B', '2026-01-31T12:00:00.25Z')");
    assert_int_equal(progress_through(f->db, &through, &f->err), 0);
    assert_int_equal(through, INT64_C(1769860800250000));
}

static void test_a_database_that_is_away(void **state)
{
    struct fixture *f = *state;
    struct progress p = { .seq = 5, .all.messages = 5 };

    (void)db_free(f->db);
    f->db = pg_db("postgresql://127.0.0.1:1/none");
    assert_int_not_equal(progress_update(f->db, "A", 9, &p, &f->err), 0);
    assert_int_equal(p.seq, 5);
    assert_int_equal(p.all.messages, 5);
    assert_true(f->err.len > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_little_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pruned_rows_count_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stream_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_least_stream_says_how_far, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_database_that_is_away, set_up, tear_down),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
