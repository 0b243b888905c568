/* What an audit reads, against a real PostgreSQL: nothing differs in what the writer stored, and
 * each falsification is found by the check that is meant to, and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "store/audit.h"
#include "unit/store/batches.h"

struct fixture {
    char url[PG_URL_MAX];
    PGconn *conn; /* to look with */
    struct store_writer *writer;
    struct db *db; /* the audit's */
    struct strbuf err;
};

static void open_fixture(struct fixture *f)
{
    pg_database(f->url);
    f->conn = PQconnectdb(f->url);
    (void)pg_value(f->conn, "SET timezone = 'UTC'");
    f->writer = store_writer_new(pg_db(f->url));
    f->db = pg_db(f->url);
    strbuf_init(&f->err, 1024);
}

static void close_fixture(struct fixture *f)
{
    f->writer = store_writer_free(f->writer);
    f->db = db_free(f->db);
    strbuf_release(&f->err);
    PQfinish(f->conn);
}

/* As a publisher writes it: the recounts read the whole event. */
static struct span whole_event(struct arena *a, const struct event *ev)
{
    const struct event_user *u = &ev->user;
    struct span amount = SPAN("null"), country = SPAN("null");

    if (ev->engagement.has_amount)
        amount = test_text(a, "\"%lld.%02d\"", (long long)(ev->engagement.amount_cents / 100),
                           (int)(ev->engagement.amount_cents % 100));
    if (ev->engagement.country.ptr)
        country = span_str(json_or_null(a, ev->engagement.country));
    if (ev->source == SOURCE_FACEBOOK)
        return test_text(a,
                         "{\"data\":{\"user\":{\"name\":%s,\"age\":%.1f,\"gender\":\"%s\","
                         "\"location\":{\"country\":%s,\"city\":%s}},"
                         "\"engagement\":{\"purchaseAmount\":%s,\"currency\":\"%s\"}}}",
                         json_or_null(a, u->name), u->age, event_gender_names[u->gender],
                         json_or_null(a, u->country), json_or_null(a, u->city), amount.ptr,
                         ev->engagement.currency);
    /* A key may be written with escapes, an integer as a double. */
    return test_text(a,
                     "{\"data\":{\"user\":{\"username\":%s,\"followers\":%lld.0},"
                     "\"engagement\":{\"purch\\u0061seAmount\":%s,\"currency\":\"%s\","
                     "\"country\":%s}}}",
                     json_or_null(a, u->name), (long long)u->followers, amount.ptr,
                     ev->engagement.currency, country.ptr);
}

#define MESSAGES 30

static void store_events(struct fixture *f)
{
    _cleanup_batch_ struct test_batch b;
    unsigned seed = 7;

    test_batch_init(&b);
    for (unsigned m = 1; m <= MESSAGES; m++) {
        (void)add_message(&b, m);
        for (unsigned i = 0; i < 20; i++) {
            struct test_event t = random_event(&seed, 400, 30);
            struct store_event *se = add_event(&b, &t);
            se->event.raw = whole_event(&b.arena, &se->event);
        }
    }
    assert_int_equal(store_write(f->writer, &b.batch, &f->err), 0);
}

struct names {
    char text[2048];
    unsigned count;
};

static void take_name(void *ctx, struct span name)
{
    struct names *n = ctx;
    size_t len = strlen(n->text);

    n->count++;
    (void)snprintf(n->text + len, sizeof(n->text) - len, "%.*s\n", SPAN_ARG(name));
}

static uint64_t run_check(struct fixture *f, size_t check, const char *source, unsigned most,
                          struct names *ret)
{
    struct audit_check c = audit_check_at(check);
    uint64_t count = 0;

    *ret = (struct names){ 0 };
    if (audit_check_run(f->db, &c, source, most, take_name, ret, &count, &f->err) != 0)
        fail_msg("%.*s: %s", SPAN_ARG(c.what), f->err.ptr);
    assert_int_equal(ret->count, MIN(count, (uint64_t)most));
    return count;
}

/* One event each of many users, so that what differs can be told. */
static const struct {
    const char *sql;
    const char *what; /* the only check that finds it; NULL = none */
    uint64_t count;
} damages[] = {
    { "SELECT 1", NULL, 0 },
    { "DELETE FROM event_keys WHERE event_key = (SELECT min(event_key::text)::uuid FROM "
      "event_keys)",
      "event rows without their key, or with one of another day", 1 },
    { "UPDATE event_keys SET event_day = event_day + 1 WHERE event_key ="
      " (SELECT min(event_key::text)::uuid FROM event_keys)",
      "event rows without their key, or with one of another day", 1 },
    { "INSERT INTO event_keys SELECT gen_random_uuid(), 1, '2026-01-02', '2026-01-02'"
      " FROM generate_series(1, 25)",
      "keys without their event row", 25 },
    { "INSERT INTO processed_events SELECT * FROM processed_events WHERE event_type = 'like'"
      " ORDER BY event_key LIMIT 3",
      "events that are stored more than once", 3 },
    { "UPDATE revenue_transactions SET amount = amount + 0.01 WHERE event_key ="
      " (SELECT min(event_key::text)::uuid FROM revenue_transactions)",
      "revenue rows that are not what the events say, missing ones included", 1 },
    { "UPDATE revenue_transactions SET campaign_id = 'other' WHERE campaign_id IS NULL AND "
      "event_key ="
      " (SELECT min(event_key::text)::uuid FROM revenue_transactions WHERE campaign_id IS NULL)",
      "revenue rows that are not what the events say, missing ones included", 1 },
    { "DELETE FROM revenue_transactions WHERE amount > 0",
      "revenue rows that are not what the events say, missing ones included", 0 },
    { "INSERT INTO revenue_transactions SELECT gen_random_uuid(), timestamp, event_id, source,"
      " event_type, user_id, campaign_id, currency, amount FROM revenue_transactions LIMIT 2",
      "revenue rows that are not what the events say, missing ones included", 2 },
    { "INSERT INTO revenue_transactions SELECT * FROM revenue_transactions LIMIT 2",
      "revenue rows that are there more than once", 2 },
    { "UPDATE user_demographics SET first_seen_at = first_seen_at + interval '1 us'"
      " WHERE user_id = 'user-3'",
      "users whose first and last event are not what the events say, missing users included", 2 },
    { "UPDATE user_demographics SET last_seen_at = last_seen_at + interval '1 us'"
      " WHERE user_id = 'user-3'",
      "users whose first and last event are not what the events say, missing users included", 2 },
    { "DELETE FROM user_demographics WHERE user_id = 'user-5'",
      "users whose first and last event are not what the events say, missing users included", 2 },
    { "UPDATE user_demographics SET name = name || 'x' WHERE user_id = 'user-4'",
      "users whose attributes are not those of their newest event", 2 },
    { "UPDATE user_demographics SET followers = followers + 1 WHERE source = 'tiktok'"
      " AND user_id = 'user-4'",
      "users whose attributes are not those of their newest event", 1 },
    { "UPDATE user_demographics SET age = NULL WHERE source = 'facebook' AND user_id = 'user-4'",
      "users whose attributes are not those of their newest event", 1 },
    { "UPDATE user_demographics u SET (attributes_at, attributes_key, name, age, gender, city) ="
      " (SELECT timestamp, event_key, data #>> '{data,user,name}',"
      " (data #>> '{data,user,age}')::float8, data #>> '{data,user,gender}',"
      " data #>> '{data,user,location,city}' FROM processed_events e WHERE e.source = u.source"
      " AND e.user_id = u.user_id ORDER BY timestamp, event_key LIMIT 1)"
      " WHERE source = 'facebook' AND user_id = 'user-6'",
      "users whose attributes are not those of their newest event", 1 },
    { "UPDATE user_demographics SET country = 'Nowhere' WHERE user_id = 'user-7'",
      "users whose country is not that of their newest event with one", 2 },
    { "UPDATE user_demographics SET country = NULL, country_at = NULL, country_key = NULL"
      " WHERE source = 'tiktok' AND user_id = 'user-7'",
      "users whose country is not that of their newest event with one", 1 },
};

static const char save_sql[] = "CREATE TABLE saved_keys AS TABLE event_keys; CREATE TABLE "
                               "saved_events AS TABLE processed_events;"
                               "CREATE TABLE saved_revenue AS TABLE revenue_transactions;"
                               "CREATE TABLE saved_users AS TABLE user_demographics";
static const char restore_sql[] =
    "TRUNCATE event_keys, processed_events, revenue_transactions, user_demographics;"
    "INSERT INTO event_keys TABLE saved_keys; INSERT INTO processed_events TABLE saved_events;"
    "INSERT INTO revenue_transactions TABLE saved_revenue;"
    "INSERT INTO user_demographics TABLE saved_users";

static void find_damage(struct fixture *f, unsigned i)
{
    (void)pg_value(f->conn, damages[i].sql);
    assert_int_equal(audit_begin(f->db, &f->err), 0);
    for (size_t check = 0; check < audit_check_count(); check++) {
        struct span what = audit_check_at(check).what;
        bool meant = damages[i].what && span_eq(what, span_str(damages[i].what));
        struct names names;
        uint64_t count = run_check(f, check, NULL, 20, &names);
        if ((count > 0) != meant || (meant && damages[i].count && count != damages[i].count))
            fail_msg("%s\n%.*s: %llu rows: %s", damages[i].sql, SPAN_ARG(what),
                     (unsigned long long)count, names.text);
    }
    audit_end(f->db);
}

static void test_each_falsification_is_found(void **state UNUSED)
{
    struct fixture f;

    open_fixture(&f);
    store_events(&f);
    (void)pg_value(f.conn, save_sql);
    for (unsigned i = 0; i < ARRAY_SIZE(damages); i++) {
        (void)pg_value(f.conn, restore_sql);
        find_damage(&f, i);
    }
    close_fixture(&f);
}

/* Of one source only its own rows are looked at. */
static void test_of_one_source(void **state UNUSED)
{
    struct fixture f;
    struct names names;

    open_fixture(&f);
    store_events(&f);
    (void)pg_value(f.conn, "UPDATE revenue_transactions SET amount = amount + 1;"
                           "UPDATE user_demographics SET name = 'x', country = 'y';"
                           "DELETE FROM event_keys;"
                           "INSERT INTO event_keys VALUES (gen_random_uuid(), 1, '2026-01-02',"
                           " '2026-01-02')");
    assert_int_equal(audit_begin(f.db, &f.err), 0);
    for (size_t check = 0; check < audit_check_count(); check++) {
        uint64_t all = run_check(&f, check, NULL, 1, &names);
        uint64_t facebook = run_check(&f, check, "facebook", 1000, &names);
        assert_null(strstr(names.text, "tiktok"));
        if (check == 0) /* a key does not say whose it is */
            assert_int_equal(facebook, 0);
        else
            assert_int_equal(facebook + run_check(&f, check, "tiktok", 1, &names), all);
    }
    audit_end(f.db);
    close_fixture(&f);
}

/* What retention has taken away is not missed, what it has not is. */
static void test_behind_the_boundary(void **state UNUSED)
{
    struct fixture f;
    struct names names;
    struct audit_events events[SOURCE_COUNT];
    struct audit_keys keys;
    uint64_t stored = 0;

    open_fixture(&f);
    store_events(&f);
    (void)pg_value(
        f.conn, "UPDATE retention SET retained_from = '2026-01-03 00:00+00';"
                "ALTER TABLE processed_events DETACH PARTITION processed_events_20260101;"
                "SELECT drop_events_table('processed_events_20260101');"
                "ALTER TABLE processed_events DETACH PARTITION processed_events_20260102;"
                "DELETE FROM revenue_transactions WHERE timestamp < '2026-01-02 12:00+00';"
                "WITH gone AS (DELETE FROM event_keys WHERE event_day = '2026-01-01' RETURNING 1)"
                " UPDATE retention SET keys_deleted = (SELECT count(*) FROM gone)");
    assert_int_equal(audit_begin(f.db, &f.err), 0);
    for (size_t check = 0; check < audit_check_count(); check++)
        if (run_check(&f, check, NULL, 20, &names) != 0)
            fail_msg("%.*s: %s", SPAN_ARG(audit_check_at(check).what), names.text);
    for (int s = 0; s < SOURCE_COUNT; s++) {
        assert_int_equal(audit_events_of(f.db, event_source_names[s], &events[s], &f.err), 0);
        assert_true(events[s].dropped > 0);
        stored += events[s].rows + events[s].dropped;
    }
    assert_int_equal(audit_keys_of(f.db, &keys, &f.err), 0);
    assert_int_equal(keys.stored, stored);
    assert_int_equal(keys.rows + keys.deleted, stored);
    audit_end(f.db);
    close_fixture(&f);
}

struct reading {
    uint64_t rows, events, last_seq, stop_at;
};

static int take_row(void *ctx, const struct audit_row *row)
{
    struct reading *rd = ctx;

    assert_true(row->seq > rd->last_seq);
    assert_int_equal(row->stored_nsec, 1767225600123456789 + (int64_t)row->seq);
    assert_int_equal(row->counts.events, 3);
    assert_int_equal(row->counts.stored + row->counts.dead, 3);
    rd->last_seq = row->seq;
    rd->rows++;
    rd->events += row->counts.events;
    return row->seq == rd->stop_at ? -ECANCELED : 0;
}

static void test_ledger_in_order(void **state UNUSED)
{
    struct reading all = { 0 }, some = { .stop_at = 20500 };
    struct audit_pruned pruned;
    struct fixture f;

    open_fixture(&f);
    (void)pg_value(
        f.conn, "INSERT INTO ledger SELECT n, 1767225600123456789 + n, now(), 3, 2, 0, 0, 1, 0,"
                " 'TEST_EVENTS' FROM generate_series(45000, 1, -1) n;"
                "INSERT INTO ledger SELECT n, n, now(), 9, 9, 0, 0, 0, 0, 'OTHER_EVENTS'"
                " FROM generate_series(1, 10) n;"
                "INSERT INTO ledger_totals (messages, events, stored, duplicates, conflicts, dead,"
                " expired, through_seq, through_time, stream)"
                " VALUES (1, 21, 11, 4, 2, 5, 1, 77, 78, 'TEST_EVENTS')");
    assert_int_equal(audit_begin(f.db, &f.err), 0);
    /* Of this snapshot: */
    (void)pg_value(f.conn, "DELETE FROM ledger");
    assert_int_equal(audit_ledger(f.db, "TEST_EVENTS", take_row, &all, &f.err), 0);
    assert_int_equal(all.rows, 45000);
    assert_int_equal(audit_ledger(f.db, "TEST_EVENTS", take_row, &some, &f.err), -ECANCELED);
    assert_int_equal(some.rows, 20500);
    assert_int_equal(audit_pruned_of(f.db, "TEST_EVENTS", &pruned, &f.err), 0);
    assert_int_equal(pruned.counts.stored, 11);
    assert_int_equal(pruned.counts.expired, 1);
    assert_int_equal(pruned.through_nsec, 78);
    assert_int_equal(audit_pruned_of(f.db, "OTHER_EVENTS", &pruned, &f.err), 0);
    assert_int_equal(pruned.counts.events, 0);
    audit_end(f.db);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_falsification_is_found),
        cmocka_unit_test(test_of_one_source),
        cmocka_unit_test(test_behind_the_boundary),
        cmocka_unit_test(test_ledger_in_order),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
