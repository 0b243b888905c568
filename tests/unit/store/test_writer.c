/* The batch writer against a real PostgreSQL: what is stored, what is counted, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/store/writer_fixture.h"

static int write_batch(struct fixture *f, struct test_batch *b)
{
    int r = store_write(f->writer, &b->batch, &f->err);

    if (r != 0)
        print_message("outcome %d: %s\n", r, f->err.ptr);
    return r;
}

static long count(struct fixture *f, const char *table)
{
    char sql[96];

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    return pg_number(f->conn, sql);
}

static void assert_counts(const struct store_message *m, unsigned stored, unsigned duplicates,
                          unsigned conflicts)
{
    assert_int_equal(m->stored, stored);
    assert_int_equal(m->duplicates, duplicates);
    assert_int_equal(m->conflicts, conflicts);
}

static void test_every_column(void **state)
{
    struct fixture *f = *state;
    _cleanup_batch_ struct test_batch b;

    test_batch_init(&b);
    (void)add_message(&b, 1);
    (void)add_event(&b, &(struct test_event){ .id = 1,
                                              .user = 5,
                                              .attributes = 3,
                                              .usec = 1234567,
                                              .cents = 99999999999999999,
                                              .campaign = "spring",
                                              .currency = "EUR",
                                              .type = TYPE_CHECKOUT_COMPLETE });
    (void)add_event(&b, &(struct test_event){ .id = 2,
                                              .source = SOURCE_TIKTOK,
                                              .attributes = 4,
                                              .cents = -1,
                                              .campaign = "",
                                              .type = TYPE_LIKE });
    assert_int_equal(write_batch(f, &b), 0);
    assert_counts(&b.batch.messages[0], 2, 0, 0);
    assert_string_equal(
        pg_value(f->conn,
                 "SELECT (timestamp, received_at, event_id, source, funnel_stage, event_type,"
                 " user_id, campaign_id, correlation_id)::text FROM processed_events"
                 " WHERE event_id = 'e1' AND processed_at > now() - interval '1 minute'"
                 " AND tableoid = 'processed_events_20260101'::regclass"),
        "(\"2026-01-01 00:00:01.234567+00\",\"2026-01-01 00:00:00.000005+00\",e1,facebook,top,"
        "checkout.complete,user-5,spring,correlation-1)");
    assert_string_equal(
        pg_value(f->conn, "SELECT data FROM processed_events WHERE event_id = 'e1'"),
        b.batch.events[0].event.raw.ptr);
    assert_string_equal(pg_value(f->conn,
                                 "SELECT (event_id, user_id, campaign_id, currency, amount)::text"
                                 " FROM revenue_transactions"),
                        "(e1,user-5,spring,EUR,999999999999999.99)");
    assert_string_equal(
        pg_value(f->conn,
                 "SELECT (stream, seq, stored_at, events, stored, duplicates, conflicts, dead,"
                 " expired)::text FROM ledger"),
        "(TEST_EVENTS,1,1767225600123456790,2,2,0,0,0,0)");
    assert_string_equal(pg_value(f->conn,
                                 "SELECT (event_day, stored_day = (now() AT TIME ZONE 'UTC')"
                                 "::date)::text FROM event_keys LIMIT 1"),
                        "(2026-01-01,t)");
    assert_int_equal(batches_recount(f->conn), 0);
}

static void test_amounts(void **state)
{
    static const int64_t cents[] = { 0,
                                     1,
                                     99,
                                     100,
                                     9999,
                                     10000,
                                     999999,
                                     1000000,
                                     100000000,
                                     123456789012345,
                                     99999999999999999,
                                     10000000000 };
    struct fixture *f = *state;
    _cleanup_batch_ struct test_batch b;

    test_batch_init(&b);
    (void)add_message(&b, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(cents); i++)
        (void)add_event(&b, &(struct test_event){ .id = i, .cents = cents[i] });
    (void)add_event(&b, &(struct test_event){ .id = 100, .cents = -1, .type = TYPE_PURCHASE });
    assert_int_equal(write_batch(f, &b), 0);
    assert_int_equal(count(f, "revenue_transactions"), ARRAY_SIZE(cents) + 1);
    assert_int_equal(batches_recount(f->conn), 0);
}

static void test_duplicates(void **state)
{
    struct fixture *f = *state;
    _cleanup_batch_ struct test_batch b, again;

    test_batch_init(&b);
    (void)add_message(&b, 1);
    (void)add_plain(&b, 1);
    (void)add_plain(&b, 2);
    (void)add_plain(&b, 1);
    (void)add_message(&b, 2);
    (void)add_event(&b, &(struct test_event){ .id = 2, .version = 1, .cents = 100 });
    (void)add_plain(&b, 3);
    assert_int_equal(write_batch(f, &b), 0);
    assert_counts(&b.batch.messages[0], 2, 1, 0);
    assert_counts(&b.batch.messages[1], 1, 1, 1);
    assert_int_equal(count(f, "revenue_transactions"), 0); /* the first payload won */

    test_batch_init(&again);
    (void)add_message(&again, 3);
    (void)add_plain(&again, 3);
    (void)add_event(&again, &(struct test_event){ .id = 1, .version = 1, .cents = -1 });
    (void)add_event(&again, &(struct test_event){ .id = 1, .version = 2, .cents = -1 });
    (void)add_plain(&again, 4);
    assert_int_equal(write_batch(f, &again), 0);
    assert_counts(&again.batch.messages[0], 1, 3, 2);
    assert_int_equal(count(f, "processed_events"), 4);
    assert_int_equal(batches_recount(f->conn), 0);
}

static void test_seen_messages(void **state)
{
    struct fixture *f = *state;
    _cleanup_batch_ struct test_batch b, again;

    test_batch_init(&b);
    (void)add_message(&b, 7);
    (void)add_plain(&b, 1);
    (void)add_message(&b, 7); /* delivered twice into one batch */
    (void)add_plain(&b, 1);
    assert_int_equal(write_batch(f, &b), 0);
    assert_false(b.batch.messages[0].seen);
    assert_true(b.batch.messages[1].seen);
    assert_counts(&b.batch.messages[0], 1, 0, 0);

    test_batch_init(&again);
    (void)add_message(&again, 7); /* once more */
    (void)add_plain(&again, 1);
    (void)add_plain(&again, 2);               /* would be new, but the ledger knows the message */
    add_message(&again, 7)->stored_nsec += 1; /* the sequence came again: another message */
    (void)add_plain(&again, 1);
    (void)add_plain(&again, 3);
    assert_int_equal(write_batch(f, &again), 0);
    assert_true(again.batch.messages[0].seen);
    assert_counts(&again.batch.messages[0], 0, 0, 0);
    assert_false(again.batch.messages[1].seen);
    assert_counts(&again.batch.messages[1], 1, 1, 0);
    assert_int_equal(count(f, "processed_events"), 2);
    assert_int_equal(count(f, "ledger"), 2);
    assert_int_equal(batches_recount(f->conn), 0);

    assert_int_equal(write_batch(f, &again), 0);
    assert_true(again.batch.messages[1].seen);
    assert_int_equal(count(f, "ledger"), 2);
}

static void test_dead_events(void **state)
{
    struct fixture *f = *state;
    _cleanup_batch_ struct test_batch b;

    test_batch_init(&b);
    (void)add_message(&b, 1);
    mark_dead(&b, add_plain(&b, 1));
    (void)add_plain(&b, 1); /* the dead one does not make this a duplicate */
    add_unread(&b, 1);
    (void)add_message(&b, 2);
    add_unread(&b, 3); /* nothing left of it but the ledger's row */
    assert_int_equal(write_batch(f, &b), 0);
    assert_counts(&b.batch.messages[0], 1, 0, 0);
    assert_string_equal(pg_value(f->conn, "SELECT string_agg((seq, events, stored, dead)::text, ' '"
                                          " ORDER BY seq) FROM ledger"),
                        "(1,3,1,2) (2,3,0,3)");
    assert_int_equal(batches_recount(f->conn), 0);
}

/* Every order of the same events makes the same user. */
static void test_newest_attributes_win(void **state)
{
    static const struct {
        int64_t usec;
        bool country;
    } events[] = { { 50, true }, { 70, false }, { 70, false },
                   { 30, true }, { 60, true },  { 10, false } };
    struct fixture *f = *state;

    for (unsigned user = 0; user < 60; user++) {
        _cleanup_batch_ struct test_batch b;
        unsigned start = user % ARRAY_SIZE(events), step = user % 2 ? 1 : 5;
        for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
            unsigned pick = (start + i * step) % ARRAY_SIZE(events);
            /* Sometimes all at once, sometimes one by one. */
            if (i == 0 || user % 3 == 0)
                test_batch_init(&b);
            (void)add_message(&b, user * 10 + i);
            (void)add_event(
                &b, &(struct test_event){ .id = user * 10 + pick,
                                          .user = user,
                                          .attributes = user + pick,
                                          .usec = events[pick].usec,
                                          .country = events[pick].country,
                                          .source = user % 4 ? SOURCE_TIKTOK : SOURCE_FACEBOOK,
                                          .cents = -1 });
            if (user % 3 == 0) {
                assert_int_equal(write_batch(f, &b), 0);
                if (i + 1 < ARRAY_SIZE(events))
                    test_batch_release(&b);
            }
        }
        if (user % 3 != 0)
            assert_int_equal(write_batch(f, &b), 0);
    }
    assert_int_equal(count(f, "user_demographics"), 60);
    assert_int_equal(batches_recount(f->conn), 0);
}

static void test_late_events_make_partitions(void **state)
{
    static const int64_t days[] = { 0, -1, 58, 59, -9497, 400 }; /* -9497: 2000-01-01 */
    struct fixture *f = *state;
    _cleanup_batch_ struct test_batch b;

    test_batch_init(&b);
    (void)add_message(&b, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(days); i++) {
        (void)add_event(
            &b, &(struct test_event){ .id = 2 * i, .usec = days[i] * USEC_PER_DAY, .cents = -1 });
        (void)add_event(&b, &(struct test_event){ .id = 2 * i + 1,
                                                  .cents = -1,
                                                  .usec = (days[i] + 1) * USEC_PER_DAY - 1 });
    }
    assert_int_equal(write_batch(f, &b), 0);
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM pg_inherits"
                                        " WHERE inhparent = 'processed_events'::regclass"),
                     ARRAY_SIZE(days));
    assert_int_equal(count(f, "processed_events_20000101"), 2);
    assert_int_equal(count(f, "processed_events_20251231"), 2);
    assert_int_equal(count(f, "processed_events_20260228"), 2);
    assert_int_equal(count(f, "processed_events_20260301"), 2);
    assert_int_equal(batches_recount(f->conn), 0);
}

/* More days than a transaction may hold locks for. */
static void test_hundreds_of_days(void **state)
{
    struct fixture *f = *state;
    _cleanup_batch_ struct test_batch b;

    test_batch_init(&b);
    for (unsigned i = 0; i < 600; i++) {
        if (i % 100 == 0)
            (void)add_message(&b, i);
        (void)add_event(
            &b, &(struct test_event){
                    .id = i, .user = i % 9, .cents = -1, .usec = -(int64_t)i * USEC_PER_DAY });
    }
    (void)add_message(&b, 0); /* comes again in another transaction */
    (void)add_plain(&b, 0);
    (void)add_message(&b, 5000);
    (void)add_event(&b, &(struct test_event){ .id = 7, .user = 7, .cents = -1 });
    assert_int_equal(write_batch(f, &b), 0);
    for (unsigned m = 0; m < 6; m++)
        assert_counts(&b.batch.messages[m], 100, 0, 0);
    assert_true(b.batch.messages[6].seen);
    assert_counts(&b.batch.messages[7], 0, 1, 0);
    assert_int_equal(count(f, "ledger"), 7);
}

/* Another process dropped a partition that the writer remembers. */
static void test_partition_dropped_behind_our_back(void **state)
{
    struct fixture *f = *state;
    _cleanup_batch_ struct test_batch b, later;

    test_batch_init(&b);
    (void)add_message(&b, 1);
    (void)add_plain(&b, 1);
    assert_int_equal(write_batch(f, &b), 0);
    (void)pg_value(f->conn, "DROP TABLE processed_events_20260101");
    (void)pg_value(f->conn,
                   "TRUNCATE event_keys, user_demographics, ledger, request_outcomes, event_counts,"
                   " revenue_totals, cube_totals, cube_deltas, user_activity, user_attributes");
    test_batch_init(&later);
    (void)add_message(&later, 2);
    (void)add_plain(&later, 2);
    assert_int_equal(write_batch(f, &later), 0);
    assert_counts(&later.batch.messages[0], 1, 0, 0);
    assert_int_equal(batches_recount(f->conn), 0);
}

static const char poison_trigger[] =
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " IF new.event_id = 'e13' THEN RAISE EXCEPTION 'poison' USING ERRCODE = '22P02'; END IF;"
    " RETURN new; END $$;"
    "CREATE TRIGGER refuse BEFORE INSERT ON processed_events FOR EACH ROW EXECUTE FUNCTION "
    "refuse()";
static const char poison_check[] =
    "ALTER TABLE processed_events ADD CONSTRAINT no_thirteen CHECK (event_id <> 'e13')";
static const char poison_users[] =
    "ALTER TABLE user_demographics ADD CONSTRAINT no_six CHECK (user_id <> 'user-6')";

/* Event 13 (of user 6) can never be stored; the 19 others can. */
static void check_poison(struct fixture *f, const char *sql)
{
    _cleanup_batch_ struct test_batch b;

    (void)pg_value(f->conn, sql);
    test_batch_init(&b);
    (void)add_message(&b, 1);
    for (unsigned i = 0; i < 20; i++)
        if (i == 13 || i % 7 != 6)
            (void)add_plain(&b, i);
    assert_int_equal(store_write(f->writer, &b.batch, &f->err), DB_DATA_FAULT);
    assert_counts(&b.batch.messages[0], 0, 0, 0);
    assert_int_equal(count(f, "event_keys") + count(f, "ledger"), 0);
    for (size_t i = 0; i < b.batch.event_count; i++) {
        bool poison = span_eq(b.batch.events[i].event.event_id, SPAN("e13"));
        assert_int_equal(store_try(f->writer, &b.batch, i, 1, &f->err), poison ? DB_DATA_FAULT : 0);
        if (poison)
            mark_dead(&b, &b.batch.events[i]);
    }
    assert_int_equal(store_try(f->writer, &b.batch, 0, b.batch.event_count, &f->err), 0);
    assert_int_equal(count(f, "event_keys") + count(f, "ledger") + count(f, "processed_events"), 0);
    assert_int_equal(write_batch(f, &b), 0);
    assert_counts(&b.batch.messages[0], (unsigned)b.batch.event_count - 1, 0, 0);
    assert_int_equal(batches_recount(f->conn), 0);
}

static void test_poison_by_trigger(void **state)
{
    check_poison(*state, poison_trigger);
}

static void test_poison_by_check(void **state)
{
    check_poison(*state, poison_check);
}

static void test_poison_among_users(void **state)
{
    check_poison(*state, poison_users);
}

/* What is wrong with the database is never blamed on an event. */
static void test_trouble_is_no_data_fault(void **state)
{
    static const struct {
        const char *sql;
        int outcome;
    } cases[] = {
        { "ALTER TABLE revenue_transactions RENAME TO gone", DB_REFUSED },
        { "ALTER TABLE gone RENAME TO revenue_transactions", 0 },
        { "ALTER FUNCTION ensure_events_partition RENAME TO gone", DB_REFUSED },
        { "ALTER FUNCTION gone RENAME TO ensure_events_partition", 0 },
    };
    struct fixture *f = *state;

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_batch_ struct test_batch b;
        (void)pg_value(f->conn, cases[i].sql);
        test_batch_init(&b);
        (void)add_message(&b, i);
        (void)add_event(&b, &(struct test_event){ .id = i, .cents = 5, .usec = i * USEC_PER_DAY });
        assert_int_equal(store_write(f->writer, &b.batch, &f->err), cases[i].outcome);
    }
    assert_int_equal(batches_recount(f->conn), 0);
}

static void test_empty_batch(void **state)
{
    struct fixture *f = *state;
    _cleanup_batch_ struct test_batch b;

    test_batch_init(&b);
    assert_int_equal(write_batch(f, &b), 0);
    (void)add_message(&b, 1);
    assert_int_equal(write_batch(f, &b), 0);
    assert_int_equal(count(f, "ledger"), 1);
}

/* Random batches, with duplicates of all kinds, in random order. */
static void test_random_batches(void **state)
{
    struct fixture *f = *state;
    unsigned seed = 1;

    for (unsigned n = 0; n < 20; n++) {
        _cleanup_batch_ struct test_batch b;
        test_batch_init(&b);
        for (unsigned m = 0; m < 10; m++) {
            (void)add_message(&b, (unsigned)rand_r(&seed) % 500);
            for (unsigned i = 0; i < 20; i++) {
                struct test_event t = random_event(&seed, 3000, 50);
                (void)add_event(&b, &t);
            }
        }
        assert_int_equal(write_batch(f, &b), 0);
    }
    assert_int_equal(batches_recount(f->conn), 0);
    assert_true(count(f, "processed_events") > 1000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_every_column),
        T(test_amounts),
        T(test_duplicates),
        T(test_seen_messages),
        T(test_dead_events),
        T(test_newest_attributes_win),
        T(test_late_events_make_partitions),
        T(test_hundreds_of_days),
        T(test_partition_dropped_behind_our_back),
        T(test_poison_by_trigger),
        T(test_poison_by_check),
        T(test_poison_among_users),
        T(test_trouble_is_no_data_fault),
        T(test_empty_batch),
        T(test_random_batches),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
