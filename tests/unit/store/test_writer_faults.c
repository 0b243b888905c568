/* The batch writer among other writers, and with its connection cut at the worst moments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "unit/store/batches.h"

static char url[PG_URL_MAX];
static PGconn *conn;

static int set_up(void **state UNUSED)
{
    pg_database(url);
    conn = PQconnectdb(url);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    PQfinish(conn);
    return 0;
}

/* One writer on a thread of its own. */
struct worker {
    pthread_t thread;
    struct db *db; /* borrowed from the writer */
    struct store_writer *writer;
    struct test_batch batch;
    struct strbuf err;
    unsigned number;
    unsigned failures;
    int outcome;
};

static void worker_init(struct worker *w, unsigned number)
{
    *w = (struct worker){ .number = number, .db = pg_db(url) };
    w->writer = store_writer_new(w->db);
    test_batch_init(&w->batch);
    strbuf_init(&w->err, 1024);
}

static void worker_release(struct worker *w)
{
    (void)store_writer_free(w->writer);
    test_batch_release(&w->batch);
    strbuf_release(&w->err);
}

static void *write_once(void *arg)
{
    struct worker *w = arg;

    w->outcome = store_write(w->writer, &w->batch.batch, &w->err);
    return NULL;
}

static void worker_start(struct worker *w, void *(*run)(void *))
{
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        exit(99);
}

static int worker_join(struct worker *w)
{
    (void)pthread_join(w->thread, NULL);
    return w->outcome;
}

/* Overlapping keys, few hot users and, of each writer, messages another one has as well. */
static void *write_many(void *arg)
{
    struct worker *w = arg;
    unsigned seed = w->number;

    for (unsigned n = 0; n < 25; n++) {
        test_batch_release(&w->batch);
        test_batch_init(&w->batch);
        for (unsigned m = 0; m < 5; m++) {
            /* What a message holds depends on its sequence alone, as in a stream. */
            unsigned seq = (unsigned)rand_r(&seed) % 300, own = seq;
            (void)add_message(&w->batch, seq);
            for (unsigned i = 0; i < 40; i++) {
                struct test_event t = random_event(&own, 2000, 10);
                (void)add_event(&w->batch, &t);
            }
        }
        while (store_write(w->writer, &w->batch.batch, &w->err) != 0) {
            fprintf(stderr, "writer %u: %s\n", w->number, w->err.ptr);
            if (++w->failures > 100)
                return NULL;
        }
    }
    return NULL;
}

#define WRITERS 6

static void test_writers_at_the_same_keys(void **state UNUSED)
{
    struct worker workers[WRITERS];
    unsigned failures = 0;

    for (unsigned i = 0; i < WRITERS; i++) {
        worker_init(&workers[i], i + 1);
        worker_start(&workers[i], write_many);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        (void)worker_join(&workers[i]);
        failures += workers[i].failures;
        worker_release(&workers[i]);
    }
    assert_int_equal(failures, 0); /* no deadlock, no giving up */
    assert_int_equal(batches_recount(conn), 0);
    assert_int_equal(pg_number(conn, "SELECT deadlocks FROM pg_stat_database"
                                     " WHERE datname = current_database()"),
                     0);
    assert_true(pg_number(conn, "SELECT count(*) FROM processed_events") > 1500);
}

#define BLOCKED_ON_LOCK                                                                            \
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'sluice test'"           \
    " AND datname = current_database() AND wait_event_type = 'Lock')"
#define IN_SLEEP                                                                                   \
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'sluice test'"           \
    " AND datname = current_database() AND wait_event = 'PgSleep')"
#define KILL_WRITER                                                                                \
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"                                       \
    " WHERE application_name = 'sluice test' AND datname = current_database()"

static void batch_of_ten(struct worker *w)
{
    (void)add_message(&w->batch, w->number);
    for (unsigned i = 0; i < 10; i++)
        (void)add_event(&w->batch,
                        &(struct test_event){ .id = w->number * 10 + i, .user = i, .cents = i });
}

/* Another writer has a row of ours in an open transaction, and then ends it. */
static void test_meets_an_open_transaction(void **state UNUSED)
{
    static const struct {
        const char *sql, *end;
        unsigned stored, duplicates, conflicts;
        bool seen;
    } cases[] = {
        { "INSERT INTO event_keys VALUES ('%s', 0, now(), now())", "COMMIT", 9, 1, 1, false },
        { "INSERT INTO event_keys VALUES ('%s', 0, now(), now())", "ROLLBACK", 10, 0, 0, false },
        { "INSERT INTO ledger (stream, seq, stored_at, events, stored, duplicates, conflicts, dead,"
          " expired) VALUES ('TEST_EVENTS', 1, 1767225600123456790, 10, 0, 0, 0, 0, 0)",
          "COMMIT", 0, 0, 0, true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        PGconn *other;
        struct worker w;
        char key[64], sql[400], *at;
        struct store_message *m;
        if (i > 0)
            pg_database(url);
        other = PQconnectdb(url);
        PQfinish(conn);
        conn = PQconnectdb(url);
        worker_init(&w, 1);
        batch_of_ten(&w);
        m = &w.batch.batch.messages[0];
        for (int b = 0; b < EVENT_KEY_BYTES; b++)
            (void)snprintf(key + 2 * b, 3, "%02x", w.batch.batch.events[4].key.bytes[b]);
        (void)snprintf(sql, sizeof(sql), "%s", cases[i].sql);
        at = strstr(sql, "%s");
        if (at)
            (void)snprintf(at, sizeof(sql) - (size_t)(at - sql), "%s%s", key,
                           strstr(cases[i].sql, "%s") + 2);
        (void)pg_value(other, "BEGIN");
        (void)pg_value(other, sql);
        worker_start(&w, write_once);
        pg_wait_until(conn, BLOCKED_ON_LOCK);
        (void)pg_value(other, cases[i].end);
        assert_int_equal(worker_join(&w), 0);
        assert_int_equal(m->stored, cases[i].stored);
        assert_int_equal(m->duplicates, cases[i].duplicates);
        assert_int_equal(m->conflicts, cases[i].conflicts);
        assert_int_equal(m->seen, cases[i].seen);
        assert_int_equal(pg_number(conn, "SELECT count(*) FROM processed_events"), cases[i].stored);
        assert_int_equal(pg_number(conn, "SELECT count(*) FROM ledger"), 1);
        worker_release(&w);
        PQfinish(other);
    }
}

/* The writer waits for each table in turn, and its backend is killed there. */
static void test_backend_killed_before_commit(void **state UNUSED)
{
    static const char *const tables[] = { "event_keys", "processed_events", "revenue_transactions",
                                          "user_demographics", "ledger" };

    PGconn *locker = PQconnectdb(url);

    for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
        struct worker w;
        char sql[96];
        worker_init(&w, i);
        batch_of_ten(&w);
        (void)snprintf(sql, sizeof(sql), "BEGIN; LOCK TABLE %s IN SHARE MODE", tables[i]);
        (void)pg_value(locker, sql);
        worker_start(&w, write_once);
        pg_wait_until(conn, BLOCKED_ON_LOCK);
        (void)pg_value(conn, KILL_WRITER);
        assert_int_equal(worker_join(&w), DB_RETRY);
        (void)pg_value(locker, "COMMIT");
        assert_int_equal(pg_number(conn, "SELECT count(*) FROM ledger"), i);
        assert_int_equal(store_write(w.writer, &w.batch.batch, &w.err), 0);
        assert_int_equal(w.batch.batch.messages[0].stored, 10);
        worker_release(&w);
    }
    PQfinish(locker);
    assert_int_equal(batches_recount(conn), 0);
}

/* Makes COMMIT itself take its time. */
static void slow_commit(const char *seconds)
{
    char sql[400];

    (void)snprintf(sql, sizeof(sql),
                   "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                   " PERFORM pg_sleep(%s); RETURN NULL; END $$;"
                   "CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON ledger DEFERRABLE INITIALLY"
                   " DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()",
                   seconds);
    (void)pg_value(conn, sql);
}

static void test_connection_lost_in_commit(void **state UNUSED)
{
    struct worker w;

    slow_commit("60");
    worker_init(&w, 1);
    batch_of_ten(&w);
    worker_start(&w, write_once);
    pg_wait_until(conn, IN_SLEEP);
    (void)pg_value(conn, KILL_WRITER);
    assert_int_equal(worker_join(&w), DB_UNKNOWN);
    (void)pg_value(conn, "DROP FUNCTION dawdle CASCADE");
    assert_int_equal(store_write(w.writer, &w.batch.batch, &w.err), 0);
    assert_int_equal(w.batch.batch.messages[0].stored, 10);
    assert_int_equal(batches_recount(conn), 0);
    worker_release(&w);
}

/* We stop waiting, the server commits all the same: the next try finds it in the ledger. */
static void test_committed_unknown_to_us(void **state UNUSED)
{
    struct worker w;

    slow_commit("0.3");
    worker_init(&w, 1);
    batch_of_ten(&w);
    worker_start(&w, write_once);
    pg_wait_until(conn, IN_SLEEP);
    db_cancel(w.db);
    assert_int_equal(worker_join(&w), DB_UNKNOWN);
    pg_wait_until(conn, "SELECT EXISTS (SELECT FROM ledger)");
    assert_int_equal(store_write(w.writer, &w.batch.batch, &w.err), 0);
    assert_true(w.batch.batch.messages[0].seen);
    assert_int_equal(w.batch.batch.messages[0].stored, 0);
    assert_int_equal(pg_number(conn, "SELECT count(*) FROM processed_events"), 10);
    assert_int_equal(batches_recount(conn), 0);
    worker_release(&w);
}

static void test_server_restarted(void **state UNUSED)
{
    struct worker w;

    worker_init(&w, 1);
    batch_of_ten(&w);
    assert_int_equal(store_write(w.writer, &w.batch.batch, &w.err), 0);
    (void)pg_value(conn, KILL_WRITER);
    (void)add_message(&w.batch, 2);
    (void)add_plain(&w.batch, 100);
    assert_int_equal(store_write(w.writer, &w.batch.batch, &w.err), DB_RETRY);
    assert_int_equal(store_write(w.writer, &w.batch.batch, &w.err), 0);
    assert_true(w.batch.batch.messages[0].seen);
    assert_int_equal(w.batch.batch.messages[1].stored, 1);
    assert_int_equal(batches_recount(conn), 0);
    worker_release(&w);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_writers_at_the_same_keys),     T(test_meets_an_open_transaction),
        T(test_backend_killed_before_commit), T(test_connection_lost_in_commit),
        T(test_committed_unknown_to_us),      T(test_server_restarted),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
