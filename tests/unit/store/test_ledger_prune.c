/* Pruning the ledger on a real PostgreSQL: what goes, what stays, and that the sums never change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/ledger_prune.h"
#include "unit/store/batches.h"

#define DAY_NSEC (INT64_C(86400) * NSEC_PER_SEC)
#define KEEP_USEC (8 * USEC_PER_DAY)
/* A stream that began then; a message a second. */
#define BEGIN_NSEC (INT64_C(1767225600) * NSEC_PER_SEC)

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

/* Rows of the messages first..last, stored by the stream a second apart from begin_nsec on and by
 * us so many days ago. */
static void add_rows(struct fixture *f, const char *stream, long first, long last,
                     int64_t begin_nsec, int days_ago)
{
    char sql[512];

    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO ledger (stream, seq, stored_at, processed_at, events, stored,"
                   " duplicates, conflicts, dead, expired)"
                   " SELECT '%s', i, %lld + i::bigint * 1000000000, now() - %d * interval '1 day',"
                   " 10, 4, 3, 2, 2, 1 FROM generate_series(%ld, %ld) i",
                   stream, (long long)begin_nsec, days_ago, first, last);
    (void)pg_value(f->conn, sql);
}

/* The stream holds first..last of the messages above. */
static uint64_t prune_all(struct fixture *f, const char *stream, uint64_t first, uint64_t last,
                          int64_t begin_nsec)
{
    const struct ledger_prune prune = { .stream = stream,
                                        .first_seq = first,
                                        .last_seq = last,
                                        .first_nsec = begin_nsec + (int64_t)first * NSEC_PER_SEC,
                                        .keep_usec = KEEP_USEC };
    uint64_t pruned = 0, n;

    do {
        int r = ledger_prune_some(f->db, &prune, &n, &f->err);

        if (r != 0)
            fail_msg("%d: %s", r, f->err.ptr);
        pruned += n;
    } while (n > 0);
    return pruned;
}

static const char *totals(struct fixture *f, const char *stream)
{
    char sql[256];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT (messages, events, stored, duplicates, conflicts, dead, expired,"
                   " through_seq, (through_time - %lld) / 1000000000)::text FROM ledger_totals"
                   " WHERE stream = '%s'",
                   (long long)BEGIN_NSEC, stream);
    return pg_value(f->conn, sql);
}

/* What ledger and totals say together, in events. */
static long events_in_all(struct fixture *f)
{
    return pg_number(f->conn, "SELECT (SELECT coalesce(sum(events), 0) FROM ledger)"
                              " + (SELECT coalesce(sum(events), 0) FROM ledger_totals)");
}

static void test_old_rows_that_left_the_stream(void **state)
{
    struct fixture *f = *state;

    add_rows(f, "A", 1, 100, BEGIN_NSEC, 9);
    add_rows(f, "A", 101, 150, BEGIN_NSEC, 7); /* too young */
    add_rows(f, "B", 1, 100, BEGIN_NSEC, 9);   /* of another stream */
    assert_int_equal(prune_all(f, "A", 41, 150, BEGIN_NSEC), 40);
    assert_string_equal(totals(f, "A"), "(40,400,160,120,80,80,40,40,40)");
    assert_int_equal(pg_number(f->conn, "SELECT min(seq) FROM ledger WHERE stream = 'A'"), 41);
    assert_int_equal(prune_all(f, "A", 41, 150, BEGIN_NSEC), 0);
    assert_int_equal(prune_all(f, "A", 130, 150, BEGIN_NSEC), 60);
    assert_string_equal(totals(f, "A"), "(100,1000,400,300,200,200,100,100,100)");
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM ledger WHERE stream = 'B'"), 100);
    assert_string_equal(totals(f, "B"), "");
    assert_int_equal(events_in_all(f), 2500);
}

/* Sequences begin again: rows of the former stream go by their time, those of the present one stay
 * as long as it holds their messages. */
static void test_stream_made_again(void **state)
{
    const int64_t again = BEGIN_NSEC + 30 * DAY_NSEC;
    struct fixture *f = *state;

    add_rows(f, "A", 1, 500, BEGIN_NSEC, 30);
    add_rows(f, "A", 1, 60, again, 9);
    assert_int_equal(prune_all(f, "A", 21, 60, again), 20 + 440 + 20);
    /* Between the sequences of what the stream holds the old ones wait for their turn. */
    assert_string_equal(pg_value(f->conn, "SELECT string_agg(format('%s-%s', a, b), ' ') FROM"
                                          " (SELECT min(seq) a, max(seq) b FROM ledger"
                                          "  GROUP BY stored_at > 1768000000000000000) x"),
                        "21-60 21-60");
    assert_int_equal(prune_all(f, "A", 61, 60, again), 80);
    assert_int_equal(pg_number(f->conn, "SELECT messages FROM ledger_totals"), 560);
    /* The highest time, not the highest sequence. */
    assert_string_equal(pg_value(f->conn,
                                 "SELECT through_seq || ' ' ||"
                                 " (through_time > 1768000000000000000) FROM ledger_totals"),
                        "60 true");
    assert_int_equal(events_in_all(f), 5600);
}

/* The server's clock was an hour ahead when the first message came: younger times are still there.
 */
static void test_clock_that_stepped_back(void **state)
{
    struct fixture *f = *state;

    add_rows(f, "A", 1, 1, BEGIN_NSEC + 3600 * NSEC_PER_SEC, 9);
    add_rows(f, "A", 2, 50, BEGIN_NSEC, 9);
    assert_int_equal(prune_all(f, "A", 1, 50, BEGIN_NSEC + 3600 * NSEC_PER_SEC), 0);
}

static void test_many(void **state)
{
    struct fixture *f = *state;

    add_rows(f, "A", 1, 25000, BEGIN_NSEC, 9);
    add_rows(f, "A", 25001, 26000, BEGIN_NSEC, 1);
    assert_int_equal(prune_all(f, "A", 25500, 26000, BEGIN_NSEC), 25000);
    assert_string_equal(totals(f, "A"),
                        "(25000,250000,100000,75000,50000,50000,25000,25000,25000)");
    assert_int_equal(events_in_all(f), 260000);
}

/* However many rows may not go yet, it looks at some only. */
static void test_young_rows_cost_nothing(void **state)
{
    struct fixture *f = *state;

    add_rows(f, "A", 1, 30000, BEGIN_NSEC, 1);
    add_rows(f, "A", 30001, 30010, BEGIN_NSEC, 9); /* behind more young ones than it looks at */
    assert_int_equal(prune_all(f, "A", 40000, 40000, BEGIN_NSEC), 0);
    (void)pg_value(f->conn, "UPDATE ledger SET processed_at = now() - interval '9 days'"
                            " WHERE seq <= 25000");
    assert_int_equal(prune_all(f, "A", 40000, 40000, BEGIN_NSEC), 25010);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_old_rows_that_left_the_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clock_that_stepped_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_young_rows_cost_nothing, set_up, tear_down),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
