/* The writer's replay mode against a real PostgreSQL: what was lost comes back exactly, what is
 * there stays, and nothing is ever stored twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "unit/store/writer_fixture.h"

#define MESSAGES 60
#define EVENTS_PER_MESSAGE 20
#define IDS 700

/* A message is a function of its sequence: each is a request of its own; ids come again in others,
 * now and then with another payload. */
static void add_whole_message(struct test_batch *b, unsigned seq)
{
    struct store_message *m = add_message(b, seq);
    unsigned seed = seq;

    m->acked = true;
    for (unsigned i = 0; i < EVENTS_PER_MESSAGE; i++) {
        struct test_event t = random_event(&seed, IDS, 40);
        struct store_event *se;
        t.version = seq % 4 == 0;
        se = add_event(b, &t);
        se->correlation_id = test_text(&b->arena, "request-%u", seq);
        se->received_usec = DAY_ZERO + seq;
    }
}

static void add_messages(struct test_batch *b, unsigned first, unsigned last)
{
    for (unsigned seq = first; seq <= last; seq++)
        add_whole_message(b, seq);
}

static void store_all(struct fixture *f)
{
    for (unsigned seq = 1; seq <= MESSAGES; seq += 10) {
        _cleanup_batch_ struct test_batch b;
        test_batch_init(&b);
        add_messages(&b, seq, seq + 9);
        assert_int_equal(store_write(f->writer, &b.batch, &f->err), 0);
    }
    assert_int_equal(batches_recount(f->conn), 0);
}

static void replay_some(const struct fixture *f, unsigned first, unsigned last, unsigned step,
                        struct store_replay_counts *ret)
{
    _cleanup_(db_freep) struct db *db = pg_db(f->url);
    struct store_writer *writer = store_writer_new(pg_db(f->url));
    _cleanup_strbuf_ struct strbuf err;
    struct store_replay replay;

    strbuf_init(&err, 1024);
    *ret = (struct store_replay_counts){ 0 };
    if (store_replay_init(&replay, db, &err) != 0)
        fail_msg("%s", err.ptr);
    for (unsigned seq = first; seq <= last; seq += step) {
        _cleanup_batch_ struct test_batch b;
        test_batch_init(&b);
        add_messages(&b, seq, MIN(seq + step - 1, last));
        b.batch.replay = &replay;
        if (store_write(writer, &b.batch, &err) != 0)
            fail_msg("%s", err.ptr);
        ret->restored += b.batch.mended.restored;
        ret->rekeyed += b.batch.mended.rekeyed;
        ret->added += b.batch.mended.added;
        ret->unclear += b.batch.mended.unclear;
    }
    store_replay_release(&replay);
    (void)store_writer_free(writer);
}

/* Everything that tells one state of the tables from another. */
static void fingerprint(const struct fixture *f, char ret[256])
{
    static const char sql[] =
        "SELECT concat_ws(' ',"
        " (SELECT md5(string_agg((to_jsonb(t) - 'processed_at')::text, '' ORDER BY event_key))"
        "  FROM processed_events t),"
        " (SELECT md5(string_agg(t::text, '' ORDER BY event_key)) FROM event_keys t),"
        " (SELECT md5(string_agg((to_jsonb(t) - 'processed_at')::text, '' ORDER BY seq))"
        "  FROM ledger t),"
        " (SELECT md5(string_agg(t::text, '' ORDER BY event_key)) FROM revenue_transactions t),"
        " (SELECT md5(string_agg((to_jsonb(t) - 'user_no')::text, '' ORDER BY source, user_id))"
        "  FROM user_demographics t))";

    (void)snprintf(ret, 256, "%s", pg_value(f->conn, sql));
}

#define SOME(n) "get_byte(uuid_send(event_key), 3) % " #n " = 0"

static const struct {
    const char *sql;
    bool restored, rekeyed, added; /* what the replay must find to do */
} damages[] = {
    { "SELECT 1", false, false, false },
    { "DELETE FROM processed_events WHERE " SOME(3), true, false, false },
    { "DELETE FROM processed_events", true, false, false },
    { "DROP TABLE processed_events_20260102", true, false, false },
    { "DELETE FROM processed_events WHERE " SOME(2) "; DELETE FROM revenue_transactions"
                                                    " WHERE " SOME(2),
      true, false, false },
    { "DELETE FROM processed_events WHERE user_id = 'user-3'; DELETE FROM revenue_transactions"
      " WHERE user_id = 'user-3'; DELETE FROM user_demographics WHERE user_id = 'user-3'",
      true, false, false },
    { "DELETE FROM event_keys WHERE " SOME(3), false, true, false },
    { "DELETE FROM event_keys WHERE " SOME(3) "; DELETE FROM processed_events WHERE " SOME(3),
      false, false, true },
    { "DELETE FROM event_keys WHERE " SOME(3) "; DELETE FROM processed_events WHERE " SOME(2), true,
      true, true },
    { "DELETE FROM ledger WHERE seq % 3 = 0", false, false, false },
    { "DELETE FROM ledger", false, false, false },
    { "DELETE FROM ledger; DELETE FROM processed_events WHERE " SOME(2), true, false, false },
    { "DELETE FROM ledger; DELETE FROM event_keys WHERE " SOME(2), false, true, false },
    { "DELETE FROM ledger; DELETE FROM event_keys; DELETE FROM processed_events;"
      " DELETE FROM revenue_transactions; DELETE FROM user_demographics; TRUNCATE event_counts,"
      " revenue_totals, cube_totals, cube_deltas, user_activity, user_attributes",
      false, false, false },
};

/* A user's bitmaps go with the number that its lost row had. */
static const char bitmaps_sql[] =
    "TRUNCATE user_activity, user_attributes; UPDATE user_demographics SET listed = NULL;"
    "INSERT INTO user_activity SELECT r.* FROM (SELECT DISTINCT (timestamp AT TIME ZONE 'UTC')"
    "::date AS day FROM processed_events) days, recount_user_activity(day) r;"
    "SELECT relist_users(array_agg(source), array_agg(user_id)) FROM user_demographics";

static void test_what_was_lost_comes_back(void **state)
{
    struct fixture *f = *state;
    char before[256], after[256];

    store_all(f);
    fingerprint(f, before);
    for (unsigned i = 0; i < ARRAY_SIZE(damages); i++) {
        struct store_replay_counts first, second;
        (void)pg_value(f->conn, damages[i].sql);
        /* In small batches and large ones. */
        replay_some(f, 1, MESSAGES, i % 2 ? 7 : MESSAGES, &first);
        fingerprint(f, after);
        if (strcmp(before, after) != 0)
            print_message("after: %s\n", damages[i].sql);
        assert_string_equal(before, after);
        assert_int_equal(first.restored > 0, damages[i].restored);
        assert_int_equal(first.rekeyed > 0, damages[i].rekeyed);
        assert_int_equal(first.added > 0, damages[i].added);
        replay_some(f, 1, MESSAGES, 10, &second);
        fingerprint(f, after);
        assert_string_equal(before, after);
        assert_int_equal(second.restored + second.rekeyed + second.added + second.unclear, 0);
        if (strstr(damages[i].sql, "user_demographics"))
            (void)pg_value(f->conn, bitmaps_sql);
        assert_int_equal(batches_recount(f->conn), 0);
    }
}

/* The first stored wins: another payload of the id never takes its place. */
static void test_another_payload_restores_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_replay_counts counts;
    char before[256], after[256];

    store_all(f);
    fingerprint(f, before);
    (void)pg_value(f->conn, "DELETE FROM processed_events WHERE data->>'v' = '1'");
    /* Every fourth message has version 1; these have not. */
    for (unsigned seq = 1; seq < MESSAGES; seq += 4) {
        replay_some(f, seq, seq + 2, 3, &counts);
        assert_int_equal(counts.restored + counts.added, 0);
    }
    replay_some(f, 1, MESSAGES, MESSAGES, &counts);
    assert_true(counts.restored > 0);
    fingerprint(f, after);
    assert_string_equal(before, after);
}

/* Above the ack floor a message without a ledger row has not been stored yet. */
static void test_message_in_flight(void **state)
{
    struct fixture *f = *state;
    _cleanup_(db_freep) struct db *db = pg_db(f->url);
    struct store_replay replay;
    _cleanup_batch_ struct test_batch b, again;

    test_batch_init(&b);
    add_whole_message(&b, 1);
    assert_int_equal(store_write(f->writer, &b.batch, &f->err), 0);
    /* The same request again, in another message that no collector has had yet. */
    test_batch_init(&again);
    add_whole_message(&again, 1);
    again.batch.messages[0].seq = 2;
    again.batch.messages[0].acked = false;
    assert_int_equal(store_replay_init(&replay, db, &f->err), 0);
    again.batch.replay = &replay;
    assert_int_equal(store_write(f->writer, &again.batch, &f->err), 0);
    assert_false(again.batch.messages[0].seen);
    assert_int_equal(again.batch.messages[0].stored, 0);
    assert_int_equal(again.batch.messages[0].duplicates, EVENTS_PER_MESSAGE);
    assert_int_equal(batches_recount(f->conn), 0);
    store_replay_release(&replay);
}

/* An event that was a dead letter once and decodes now is not stored behind the ledger's back. */
static void test_dead_letters_stay_dead(void **state)
{
    struct fixture *f = *state;
    struct store_replay_counts counts;
    _cleanup_batch_ struct test_batch b;

    test_batch_init(&b);
    add_whole_message(&b, 1);
    mark_dead(&b, &b.batch.events[4]);
    assert_int_equal(store_write(f->writer, &b.batch, &f->err), 0);
    replay_some(f, 1, 1, 1, &counts);
    assert_int_equal(counts.unclear, 1);
    assert_int_equal(counts.added, 0);
    assert_int_equal(batches_recount(f->conn), 0);
}

static void *replay_thread(void *fixture)
{
    struct store_replay_counts counts;

    /* Those of the collector too: who is first there stores them. */
    replay_some(fixture, 1, 2 * MESSAGES, 5, &counts);
    return NULL;
}

static void *store_thread(void *fixture)
{
    struct fixture *f = fixture;

    for (unsigned seq = MESSAGES + 1; seq <= 2 * MESSAGES; seq += 2) {
        _cleanup_batch_ struct test_batch b;
        test_batch_init(&b);
        add_messages(&b, seq, seq + 1);
        assert_int_equal(store_write(f->writer, &b.batch, &f->err), 0);
    }
    return NULL;
}

static void run_side_by_side(struct fixture *f, void *(*const bodies[])(void *), unsigned count)
{
    pthread_t threads[3];

    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], f), 0);
    for (unsigned i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(batches_recount(f->conn), 0);
}

/* Two replays and a collector at once, all with the same ids. */
static void test_side_by_side(void **state)
{
    static void *(*const bodies[])(void *) = { replay_thread, replay_thread, store_thread };
    struct fixture *f = *state;

    store_all(f);
    (void)pg_value(f->conn, "DELETE FROM processed_events WHERE " SOME(
                                2) ";"
                                   "DELETE FROM ledger WHERE seq % 5 = 0");
    run_side_by_side(f, bodies, 3);
    /* (To a collector an event without a key is new: this damage must be mended before.) */
    (void)pg_value(f->conn, "DELETE FROM event_keys WHERE " SOME(3));
    run_side_by_side(f, bodies, 2);
    (void)pg_value(f->conn, "DELETE FROM event_keys WHERE " SOME(
                                3) ";"
                                   "DELETE FROM processed_events WHERE " SOME(3));
    run_side_by_side(f, bodies, 2);
}

/* Whoever restores a row holds its key: another replay waits, and then finds the row there. */
static void test_waits_for_another_replay(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;

    store_all(f);
    (void)pg_value(f->conn, "CREATE TABLE saved AS TABLE processed_events;"
                            "DELETE FROM processed_events");
    (void)pg_value(f->conn, "BEGIN; SELECT 1 FROM event_keys FOR UPDATE");
    assert_int_equal(pthread_create(&thread, NULL, replay_thread, f), 0);
    pg_wait_until(f->conn, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)");
    (void)pg_value(f->conn, "INSERT INTO processed_events TABLE saved; COMMIT");
    (void)pthread_join(thread, NULL);
    assert_int_equal(batches_recount(f->conn), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_what_was_lost_comes_back),
        T(test_another_payload_restores_nothing),
        T(test_message_in_flight),
        T(test_dead_letters_stay_dead),
        T(test_side_by_side),
        T(test_waits_for_another_replay),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
