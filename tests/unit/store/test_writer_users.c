/* Users whose numbers a writer remembers, whatever becomes of their rows in the meantime. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/store/writer_fixture.h"

/* Messages and events are numbered through all tests. */
static unsigned messages, events;

/* One event of each of some users, in a batch of its own. */
static void write_users(struct fixture *f, unsigned users, unsigned attributes, int64_t usec)
{
    _cleanup_batch_ struct test_batch b;

    test_batch_init(&b);
    (void)add_message(&b, messages++);
    for (unsigned user = 0; user < users; user++)
        (void)add_event(&b,
                        &(struct test_event){ .id = events++,
                                              .user = user,
                                              .attributes = attributes,
                                              .usec = usec,
                                              .country = usec % 2 == 0,
                                              .source = user % 2 ? SOURCE_TIKTOK : SOURCE_FACEBOOK,
                                              .cents = -1 });
    if (store_write(f->writer, &b.batch, &f->err) != 0)
        fail_msg("%s", f->err.ptr);
    assert_int_equal(batches_recount(f->conn), 0);
}

static void execute(struct fixture *f, const char *sql)
{
    PGresult *res = PQexec(f->conn, sql);

    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        fail_msg("%s", PQerrorMessage(f->conn));
    PQclear(res);
}

/* What only repeats the attributes makes them newer all the same: what is in between must not win.
 */
static void test_repeated_attributes_are_newer(void **state)
{
    struct fixture *f = *state;

    write_users(f, 10, 1, 10);
    write_users(f, 10, 1, 50);
    write_users(f, 10, 2, 30);
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM user_demographics WHERE"
                                        " name = 'name 1'"),
                     10);
    write_users(f, 10, 1, 20);
    write_users(f, 10, 2, 60);
    write_users(f, 10, 1, 55);
    write_users(f, 10, 3, 5);
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM user_demographics WHERE"
                                        " name = 'name 2'"),
                     10);
}

/* As if the database were another one: the numbers that are remembered are those of others. */
static void test_numbers_of_others(void **state)
{
    struct fixture *f = *state;

    write_users(f, 20, 1, 10);
    execute(f, "UPDATE user_demographics u SET user_no = v.user_no, relist = true, listed = NULL"
               " FROM (SELECT source, user_id, lead(user_no, 1, 0) OVER"
               " (PARTITION BY source ORDER BY user_no) AS user_no FROM user_demographics) v"
               " WHERE (u.source, u.user_id) = (v.source, v.user_id)");
    execute(f, "TRUNCATE user_attributes, user_activity");
    execute(f, "INSERT INTO user_activity SELECT r.* FROM (SELECT DISTINCT"
               " (timestamp AT TIME ZONE 'UTC')::date AS day FROM processed_events) d,"
               " recount_user_activity(day) r");
    write_users(f, 20, 2, 20);
    write_users(f, 30, 2, 20);
}

/* Users as versions before numbers and before hashes have left them. */
static void test_users_of_older_versions(void **state)
{
    struct fixture *f = *state;

    write_users(f, 10, 1, 10);
    execute(f, "UPDATE user_demographics SET attributes_hash = NULL");
    write_users(f, 10, 1, 20);
    assert_int_equal(pg_number(f->conn, "SELECT count(attributes_hash) FROM user_demographics"),
                     10);
    execute(f, "INSERT INTO user_demographics (source, user_id, first_seen_at, last_seen_at,"
               " attributes_at, attributes_key, name)"
               " SELECT 'facebook', 'user-100', t, t, t, '00000000-0000-0000-0000-000000000000',"
               " 'of old' FROM (VALUES ('2026-01-01 00:00:00.00003Z'::timestamptz)) AS v (t)");
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM user_demographics"
                                        " WHERE user_no IS NULL AND relist"),
                     1);
    write_users(f, 101, 2, 30);
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM user_demographics"
                                        " WHERE user_no IS NULL OR relist"),
                     0);
}

/* Who has just started knows no numbers; who goes on knows those that it has seen. */
static void test_another_writer(void **state)
{
    struct fixture *f = *state;
    struct store_writer *other = store_writer_new(pg_db(f->url));

    for (unsigned round = 0; round < 6; round++) {
        struct store_writer *turn = f->writer;
        write_users(f, 10 * (round + 1), round, 10 + round);
        f->writer = other;
        other = turn;
    }
    (void)store_writer_free(other);
    assert_int_equal(pg_number(f->conn, "SELECT count(*) FROM user_demographics"), 60);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_repeated_attributes_are_newer),
        T(test_numbers_of_others),
        T(test_users_of_older_versions),
        T(test_another_writer),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
