/* Notes about suspect messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "store/quarantine.h"
#include "unit/store/pg_server.h"
#include <cmocka.h>

#define COUNT 3

static const struct store_message messages[COUNT] = {
    { .stream = "S", .seq = 1, .stored_nsec = 100 },
    { .stream = "S", .seq = 1, .stored_nsec = 200 }, /* a stream made again */
    { .stream = "T", .seq = UINT64_C(9007199254740993), .stored_nsec = 100 },
};

static void check_attempts(struct db *db, uint32_t a, uint32_t b, uint32_t c)
{
    _cleanup_strbuf_ struct strbuf err;
    uint32_t attempts[COUNT] = { 9, 9, 9 };

    strbuf_init(&err, 1024);
    assert_int_equal(quarantine_attempts(db, messages, COUNT, attempts, &err), 0);
    assert_int_equal(attempts[0], a);
    assert_int_equal(attempts[1], b);
    assert_int_equal(attempts[2], c);
}

static void test_notes(void **state UNUSED)
{
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    char url[PG_URL_MAX];

    pg_database(url);
    strbuf_init(&err, 1024);
    db = pg_db(url);
    check_attempts(db, 0, 0, 0);
    assert_int_equal(quarantine_begin(db, messages, COUNT, &err), 0);
    assert_int_equal(quarantine_begin(db, messages + 1, 1, &err), 0);
    check_attempts(db, 1, 2, 1);
    assert_int_equal(quarantine_end(db, messages, 1, &err), 0);
    assert_int_equal(quarantine_end(db, messages, 1, &err), 0); /* nothing to forget is fine */
    check_attempts(db, 0, 2, 1);
    assert_int_equal(quarantine_begin(db, messages, 0, &err), 0);
}

static void test_stored(void **state UNUSED)
{
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    char url[PG_URL_MAX];
    bool stored[COUNT];
    PGconn *conn;

    pg_database(url);
    strbuf_init(&err, 1024);
    db = pg_db(url);
    conn = PQconnectdb(url);
    assert_int_equal(quarantine_stored(db, messages, COUNT, stored, &err), 0);
    assert_false(stored[0] || stored[1] || stored[2]);
    (void)pg_value(conn,
                   "INSERT INTO ledger (seq, stored_at, events, stored, duplicates, conflicts,"
                   " dead, expired, stream) VALUES (1, 200, 0, 0, 0, 0, 0, 0, 'S')");
    assert_int_equal(quarantine_stored(db, messages, COUNT, stored, &err), 0);
    assert_true(!stored[0] && stored[1] && !stored[2]);
    (void)pg_value(conn, "DROP TABLE suspect_messages");
    assert_int_equal(quarantine_begin(db, messages, COUNT, &err), DB_REFUSED);
    PQfinish(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_stored),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
