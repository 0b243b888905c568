/* Retention on a real PostgreSQL: the boundary and those who write meanwhile, what is dropped and
 * counted, and a pass that was interrupted anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>

#include "store/retention.h"
#include "unit/store/writer_fixture.h"

#define DAYS 5 /* 2026-01-01 to 2026-01-05 */
#define PER_DAY 40
#define DAY_THREE "2026-01-03 00:00:00+00"

/* Id i happened on day i / PER_DAY; every fourth is of TikTok, every second brings revenue. */
static void add_day(struct test_batch *b, unsigned day, unsigned from_id)
{
    for (unsigned i = 0; i < PER_DAY; i++)
        (void)add_event(b, &(struct test_event){
                               .id = from_id + i,
                               .user = i,
                               .source = i % 4 ? SOURCE_FACEBOOK : SOURCE_TIKTOK,
                               .usec = day * USEC_PER_DAY + i * USEC_PER_SEC,
                               .cents = i % 2 ? 100 : -1,
                           });
}

static void store_days(struct fixture *f)
{
    _cleanup_batch_ struct test_batch b;

    test_batch_init(&b);
    for (unsigned day = 0; day < DAYS; day++) {
        (void)add_message(&b, day + 1);
        add_day(&b, day, day * PER_DAY);
    }
    assert_int_equal(store_write(f->writer, &b.batch, &f->err), 0);
}

/* As move_retained_from() would, on that day. */
static void set_boundary(PGconn *conn, const char *from)
{
    char sql[160];

    (void)snprintf(sql, sizeof(sql),
                   "UPDATE retention SET retained_from = '%s', keys_swept_on = NULL", from);
    (void)pg_value(conn, sql);
}

/* A pass that finds the boundary where the test has put it. */
static struct retention_pass pass_of(uint64_t replay_usec)
{
    return (struct retention_pass){ .days = 36500, .replay_usec = replay_usec, .mover = "test" };
}

static int run_pass(struct db *db, struct retention_pass *pass, struct strbuf *err)
{
    bool done = false;
    int r = 0;

    while (r == 0 && !done)
        r = retention_step(db, pass, &done, err);
    return r;
}

static void pass_to_end(struct fixture *f, struct retention_pass *pass)
{
    int r = run_pass(f->db, pass, &f->err);

    if (r != 0)
        fail_msg("%d: %s", r, f->err.ptr);
}

static const char *dropped(struct fixture *f)
{
    return pg_value(f->conn, "SELECT string_agg(format('%s %s %s', event_day, source, events), ', '"
                             " ORDER BY event_day, source) FROM dropped_events");
}

/* What lies behind 2026-01-03 is gone and counted, the rest is there. */
static void check_dropped(struct fixture *f)
{
    assert_string_equal(dropped(f), "2026-01-01 facebook 30, 2026-01-01 tiktok 10, "
                                    "2026-01-02 facebook 30, 2026-01-02 tiktok 10");
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM processed_events"), 3 * PER_DAY);
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM pg_class WHERE relkind = 'r'"
                                        " AND relname LIKE 'processed_events_2%'"),
                     3);
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM revenue_transactions"),
                     3 * PER_DAY / 2);
    assert_int_equal(pg_number(f->conn, "SELECT revenue_deleted FROM retention"), PER_DAY);
    /* accepted = stored = here + dropped */
    assert_int_equal(pg_number(f->conn, "SELECT (SELECT sum(stored) FROM ledger)"
                                        " - (SELECT count(*) FROM processed_events)"
                                        " - (SELECT sum(events) FROM dropped_events)"),
                     0);
}

static void test_nothing_to_do(void **state)
{
    struct retention_pass pass = pass_of(0);
    struct fixture *f = *state;

    store_days(f);
    pass.days = 36500; /* a hundred years */
    pass_to_end(f, &pass);
    assert_true(pass.moved);
    assert_int_equal(pass.days_dropped + pass.events_dropped + pass.revenue_deleted +
                         pass.rollups_deleted + pass.keys_deleted,
                     0);
    assert_int_equal(batches_recount(f->conn), 0);
    pass = pass_of(0);
    pass_to_end(f, &pass);
    assert_false(pass.moved);
}

static void test_moves_forward_only(void **state)
{
    struct retention_pass pass = { .days = 7, .mover = "host-1-2" };
    struct fixture *f = *state;
    bool done;

    assert_int_equal(retention_step(f->db, &pass, &done, &f->err), 0);
    assert_true(pass.moved);
    assert_string_equal(
        pg_value(f->conn, "SELECT (retained_from = date_trunc('day', moved_at, 'UTC')"
                          " - interval '7 days', moved_by, keys_swept_on)::text FROM retention"),
        "(t,host-1-2,)");
    pass = (struct retention_pass){ .days = 8, .mover = "other" };
    assert_int_equal(retention_step(f->db, &pass, &done, &f->err), 0);
    assert_false(pass.moved);
    assert_string_equal(pg_value(f->conn, "SELECT moved_by FROM retention"), "host-1-2");
    pass = (struct retention_pass){ .days = 6, .mover = "other" };
    assert_int_equal(retention_step(f->db, &pass, &done, &f->err), 0);
    assert_true(pass.moved);
}

static void test_drops_and_counts(void **state)
{
    struct retention_pass pass = pass_of(7 * USEC_PER_DAY);
    struct fixture *f = *state;

    store_days(f);
    set_boundary(f->conn, DAY_THREE);
    /* Deltas and what they were merged into. */
    (void)pg_value(f->conn, "SELECT merge_cube_deltas();"
                            "INSERT INTO cube_deltas SELECT bucket, 1, cube, source, funnel_stage,"
                            " event_type, campaign_id, country, device, currency, 1"
                            " FROM cube_totals WHERE bucket < '" DAY_THREE "'");
    /* Of the keys, some were stored long enough ago: 8 days and more. */
    (void)pg_value(f->conn, "UPDATE event_keys SET stored_day = stored_day - 9"
                            " WHERE event_day IN ('2026-01-02', '2026-01-03')");
    pass_to_end(f, &pass);
    assert_int_equal(pass.days_dropped, 2);
    assert_int_equal(pass.events_dropped, 2 * PER_DAY);
    assert_int_equal(pass.revenue_deleted, PER_DAY);
    assert_int_equal(pass.keys_deleted, PER_DAY);
    check_dropped(f);
    assert_int_equal(rollups_recount(f->conn), 0);
    assert_string_equal(pg_value(f->conn, "SELECT string_agg(DISTINCT event_day::text, ' ')"
                                          " FROM event_keys"),
                        "2026-01-01 2026-01-03 2026-01-04 2026-01-05");
    assert_int_equal(pg_number(f->conn, "SELECT keys_deleted FROM retention"), PER_DAY);
    /* The register is not read again on the same day. */
    (void)pg_value(f->conn, "UPDATE event_keys SET stored_day = stored_day - 9");
    pass = pass_of(7 * USEC_PER_DAY);
    pass_to_end(f, &pass);
    assert_int_equal(pass.keys_deleted, 0);
    (void)pg_value(f->conn, "UPDATE retention SET keys_swept_on = keys_swept_on - 1");
    pass = pass_of(7 * USEC_PER_DAY);
    pass_to_end(f, &pass);
    assert_int_equal(pass.keys_deleted, PER_DAY);
    check_dropped(f);
}

/* More than one transaction may take at once, and revenue rows of one moment. */
static void test_in_chunks(void **state)
{
    struct retention_pass pass = pass_of(0);
    struct fixture *f = *state;

    (void)pg_value(f->conn,
                   "INSERT INTO revenue_transactions SELECT gen_random_uuid(),"
                   " timestamptz '2026-01-01' + i / 15000 * interval '1 hour', i, 'facebook',"
                   " 'ad.click', 'u', NULL, 'USD', 1 FROM generate_series(1, 45000) i");
    (void)pg_value(f->conn,
                   "INSERT INTO event_keys SELECT gen_random_uuid(), 1, '2026-01-01', '2026-01-01'"
                   " FROM generate_series(1, 100000)");
    (void)pg_value(f->conn, "INSERT INTO cube_deltas SELECT '2026-01-02 23:00:00+00', 1,"
                            " 'revenue', 'facebook', 'top', 'ad.view', 'c' || i, 'Chad', 'iOS',"
                            " 'EUR', 1 FROM generate_series(1, 15000) i");
    set_boundary(f->conn, "2026-01-01");
    pass_to_end(f, &pass);
    assert_int_equal(pass.revenue_deleted + pass.rollups_deleted + pass.keys_deleted, 0);
    set_boundary(f->conn, DAY_THREE);
    pass = pass_of(0);
    pass_to_end(f, &pass);
    assert_int_equal(pass.revenue_deleted, 45000);
    assert_int_equal(pass.rollups_deleted, 15000);
    assert_int_equal(pass.keys_deleted, 100000);
    assert_int_equal(pg_number(f->conn, "SELECT revenue_deleted + keys_deleted FROM retention"),
                     145000);
    assert_int_equal(pg_number(f->conn, "SELECT (SELECT count(*) FROM revenue_transactions)"
                                        " + (SELECT count(*) FROM event_keys)"),
                     0);
}

static void test_older_events_are_expired(void **state)
{
    struct retention_pass pass = pass_of(7 * USEC_PER_DAY);
    struct fixture *f = *state;
    _cleanup_batch_ struct test_batch b;

    store_days(f);
    set_boundary(f->conn, DAY_THREE);
    pass_to_end(f, &pass);
    (void)store_writer_free(f->writer); /* a new one knows of no partitions */
    f->writer = store_writer_new(pg_db(f->url));
    test_batch_init(&b);
    (void)add_message(&b, 100);
    add_day(&b, 1, PER_DAY);     /* stored once, dropped since */
    add_day(&b, 2, 2 * PER_DAY); /* stored and there */
    add_day(&b, 0, 1000);        /* new and too old, of a day that has no partition */
    add_day(&b, 3, 2000);        /* new */
    (void)add_event(&b, &(struct test_event){ .id = 3000, .usec = 2 * USEC_PER_DAY - 1 });
    (void)add_event(&b, &(struct test_event){ .id = 3001, .usec = 2 * USEC_PER_DAY });
    assert_int_equal(store_write(f->writer, &b.batch, &f->err), 0);
    assert_int_equal(b.batch.messages[0].expired, 2 * PER_DAY + 1);
    assert_int_equal(b.batch.messages[0].duplicates, PER_DAY);
    assert_int_equal(b.batch.messages[0].stored, PER_DAY + 1);
    assert_string_equal(pg_value(f->conn, "SELECT (events, stored, duplicates, dead, expired)::text"
                                          " FROM ledger WHERE seq = 100"),
                        "(162,41,40,0,81)");
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM processed_events"), 4 * PER_DAY + 1);
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM event_keys k"
                                        " JOIN processed_events e USING (event_key)"),
                     4 * PER_DAY + 1);
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM revenue_transactions"
                                        " WHERE timestamp < '" DAY_THREE "'"),
                     0);
    assert_string_equal(pg_value(f->conn, "SELECT to_regclass('processed_events_20260101')"), "");
    /* Delivered once more, the ledger knows it. */
    assert_int_equal(store_write(f->writer, &b.batch, &f->err), 0);
    assert_true(b.batch.messages[0].seen);
    assert_int_equal(b.batch.messages[0].expired, 0);
}

/* One store_write() or retention pass on a thread of its own. */
struct other {
    pthread_t thread;
    struct fixture *f;
    struct test_batch batch;
    struct retention_pass pass;
    struct strbuf err;
    int outcome;
};

static void *write_batch(void *arg)
{
    struct other *o = arg;

    o->outcome = store_write(o->f->writer, &o->batch.batch, &o->err);
    return NULL;
}

static void *do_pass(void *arg)
{
    struct other *o = arg;

    o->outcome = run_pass(o->f->db, &o->pass, &o->err);
    return NULL;
}

static void other_start(struct other *o, struct fixture *f, void *(*run)(void *))
{
    o->f = f;
    strbuf_init(&o->err, 1024);
    if (pthread_create(&o->thread, NULL, run, o) != 0)
        exit(99);
}

static int other_join(struct other *o)
{
    (void)pthread_join(o->thread, NULL);
    strbuf_release(&o->err);
    return o->outcome;
}

static void wait_true(PGconn *conn, const char *sql)
{
    for (int i = 0; i < 3000; i++) {
        if (strcmp(pg_value(conn, sql), "t") == 0)
            return;
        (void)poll(NULL, 0, 10);
    }
    fail_msg("waited 30 s for: %s", sql);
}

#define SOMEBODY_WAITS_FOR_THE_LOCK                                                                \
    "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

/* The writer's statement began before the boundary moved and got its lock after: what it must heed
 * is the boundary of then. */
static void test_writer_waits_for_the_boundary(void **state)
{
    struct fixture *f = *state;
    PGconn *mover = PQconnectdb(f->url);
    struct other writer = { 0 };

    store_days(f);
    test_batch_init(&writer.batch);
    (void)add_message(&writer.batch, 50);
    add_day(&writer.batch, 1, 5000);
    (void)pg_value(mover, "BEGIN");
    (void)pg_value(mover, "SELECT pg_advisory_xact_lock(hashtextextended('sluice.retention', 0))");
    set_boundary(mover, DAY_THREE);
    other_start(&writer, f, write_batch);
    wait_true(f->conn, SOMEBODY_WAITS_FOR_THE_LOCK);
    (void)pg_value(mover, "COMMIT");
    assert_int_equal(other_join(&writer), 0);
    assert_int_equal(writer.batch.batch.messages[0].expired, PER_DAY);
    assert_int_equal(writer.batch.batch.messages[0].stored, 0);
    test_batch_release(&writer.batch);
    PQfinish(mover);
}

/* The other way round: what a writer has in hand is committed before the boundary moves. */
static void test_boundary_waits_for_writers(void **state)
{
    struct other mover = { .pass = { .days = 3, .mover = "test" } };
    struct fixture *f = *state;
    PGconn *writer = PQconnectdb(f->url);

    (void)pg_value(writer, "BEGIN");
    (void)pg_value(writer, "SELECT hold_retained_from()");
    other_start(&mover, f, do_pass);
    wait_true(f->conn, SOMEBODY_WAITS_FOR_THE_LOCK);
    assert_string_equal(pg_value(f->conn, "SELECT retained_from FROM retention"), "-infinity");
    (void)pg_value(writer, "COMMIT");
    assert_int_equal(other_join(&mover), 0);
    assert_true(mover.pass.moved);
    PQfinish(writer);
}

/* Writers that never pause, and late events, while the boundary moves day by day. */
static void *write_always(void *arg)
{
    struct other *o = arg;
    struct store_writer *writer = store_writer_new(pg_db(o->f->url));

    for (unsigned n = 0; n < 40 && o->outcome == 0; n++) {
        _cleanup_batch_ struct test_batch b;

        test_batch_init(&b);
        (void)add_message(&b, 1000 + n);
        for (unsigned day = 0; day < DAYS; day++)
            add_day(&b, day, 100000 + (n * DAYS + day) * PER_DAY);
        o->outcome = store_write(writer, &b.batch, &o->err);
    }
    if (o->outcome)
        fprintf(stderr, "writer: %s\n", o->err.ptr);
    (void)store_writer_free(writer);
    return NULL;
}

static void test_passes_beside_writers(void **state)
{
    struct fixture *f = *state;
    struct other writer = { 0 };
    char day[16];

    other_start(&writer, f, write_always);
    for (int i = 2; i <= 4; i++) {
        struct retention_pass pass = pass_of(7 * USEC_PER_DAY);

        (void)snprintf(day, sizeof(day), "2026-01-0%d", i);
        wait_true(f->conn, "SELECT count(*) > 0 FROM ledger");
        (void)pg_value(f->conn, "BEGIN");
        (void)pg_value(f->conn,
                       "SELECT pg_advisory_xact_lock(hashtextextended('sluice.retention', 0))");
        set_boundary(f->conn, day);
        (void)pg_value(f->conn, "COMMIT");
        pass_to_end(f, &pass);
        /* All of it, and it does not come back. */
        assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM pg_class, retention"
                                            " WHERE relname ~ '^processed_events_2[0-9]{7}$'"
                                            " AND right(relname, 8) < to_char(retained_from,"
                                            " 'YYYYMMDD')"),
                         0);
        assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM revenue_transactions, retention"
                                            " WHERE timestamp < retained_from"),
                         0);
    }
    assert_int_equal(other_join(&writer), 0);
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM ledger"
                                        " WHERE events <> stored + expired"),
                     0);
    assert_int_equal(pg_number(f->conn, "SELECT (SELECT sum(stored) FROM ledger)"
                                        " - (SELECT count(*) FROM processed_events)"
                                        " - (SELECT sum(events) FROM dropped_events)"),
                     0);
}

/* A report that takes its time sees what it began with; it holds a day back, but no writer. */
static void test_detach_interrupted_by_a_reader(void **state)
{
    struct other pass = { .pass = pass_of(0) };
    struct fixture *f = *state;
    PGconn *reader = PQconnectdb(f->url);
    _cleanup_batch_ struct test_batch b;

    store_days(f);
    set_boundary(f->conn, DAY_THREE);
    (void)pg_value(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_int_equal(pg_number(reader, "SELECT count(*) FROM processed_events"), DAYS * PER_DAY);
    other_start(&pass, f, do_pass);
    wait_true(f->conn, "SELECT count(*) > 0 FROM pg_inherits WHERE inhdetachpending");
    test_batch_init(&b);
    (void)add_message(&b, 60);
    add_day(&b, 4, 6000);
    add_day(&b, 0, 7000);
    assert_int_equal(store_write(f->writer, &b.batch, &f->err), 0);
    assert_int_equal(b.batch.messages[0].stored, PER_DAY);
    assert_int_equal(pg_number(reader, "SELECT count(*) FROM processed_events"), DAYS * PER_DAY);
    db_cancel(f->db);
    assert_int_equal(other_join(&pass), DB_RETRY);
    (void)pg_value(reader, "COMMIT");
    (void)pg_value(f->conn, "DELETE FROM revenue_transactions WHERE event_id = 'e6001'");
    /* The server may hold the locks of the lost connection for some seconds yet. */
    for (int i = 0; i < 10; i++) {
        pass.pass = pass_of(0);
        pass.outcome = run_pass(f->db, &pass.pass, &f->err);
        if (pass.outcome == 0)
            break;
    }
    assert_int_equal(pass.outcome, 0);
    (void)pg_value(f->conn, "DELETE FROM processed_events WHERE event_id ~ '^e60'");
    (void)pg_value(f->conn, "DELETE FROM revenue_transactions WHERE event_id ~ '^e60'");
    (void)pg_value(f->conn, "DELETE FROM ledger WHERE seq = 60");
    check_dropped(f);
    PQfinish(reader);
}

/* Killed between the detach and the drop: the table belongs to nobody. */
static void test_dropped_after_a_detach(void **state)
{
    struct retention_pass pass = pass_of(0);
    struct fixture *f = *state;

    store_days(f);
    (void)pg_value(f->conn,
                   "ALTER TABLE processed_events DETACH PARTITION processed_events_20260101");
    set_boundary(f->conn, DAY_THREE);
    (void)pg_value(f->conn, "CREATE TABLE processed_events_backup (i integer)");
    pass_to_end(f, &pass);
    (void)pg_value(f->conn, "DROP TABLE processed_events_backup");
    check_dropped(f);
}

static void test_refuses_to_drop_what_is_retained(void **state)
{
    struct fixture *f = *state;
    PGresult *res;

    store_days(f);
    set_boundary(f->conn, DAY_THREE);
    res = PQexec(f->conn, "SELECT drop_events_table('processed_events_20260101')");
    assert_non_null(strstr(PQresultErrorMessage(res), "is a partition still"));
    PQclear(res);
    (void)pg_value(f->conn,
                   "ALTER TABLE processed_events DETACH PARTITION processed_events_20260103");
    res = PQexec(f->conn, "SELECT drop_events_table('processed_events_20260103')");
    assert_non_null(strstr(PQresultErrorMessage(res), "holds events that are retained"));
    PQclear(res);
}

static void test_one_lock(void **state)
{
    struct fixture *f = *state;
    struct db *other = pg_db(f->url);
    bool held = false;

    assert_int_equal(db_try_lock(f->db, "upkeep", &held, &f->err), 0);
    assert_true(held);
    assert_int_equal(db_try_lock(other, "upkeep", &held, &f->err), 0);
    assert_false(held);
    assert_int_equal(db_try_lock(other, "something else", &held, &f->err), 0);
    assert_true(held);
    db_disconnect(f->db);
    wait_true(f->conn, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory'");
    assert_int_equal(db_try_lock(other, "upkeep", &held, &f->err), 0);
    assert_true(held);
    (void)db_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_to_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_moves_forward_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drops_and_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_in_chunks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_older_events_are_expired, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writer_waits_for_the_boundary, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_boundary_waits_for_writers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passes_beside_writers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_detach_interrupted_by_a_reader, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dropped_after_a_detach, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_to_drop_what_is_retained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_lock, set_up, tear_down),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
