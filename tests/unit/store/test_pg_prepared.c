/* Statements are prepared once per connection, whatever fails in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "store/pg.h"
#include "unit/store/pg_server.h"

static const char add_sql[] = "SELECT $1::bigint + 1";
static const char divide_sql[] = "SELECT 12 / $1::bigint";
static const char prepared_sql[] = "SELECT count(*)::text FROM pg_prepared_statements";

static struct db *db;
static struct strbuf err;

static struct pg_call call_of(const char *sql, const char *value)
{
    struct pg_call call = { .sql = sql };

    if (value)
        pg_param_text(&call.params, value);
    return call;
}

static void expect(struct pg_call *calls, int count, const char *last)
{
    if (pg_call_all(db, calls, count, &err) != 0)
        fail_msg("%s", err.ptr);
    assert_string_equal(PQgetvalue(calls[count - 1].result, 0, 0), last);
    pg_calls_clear(calls, count);
}

static int open_db(void **state UNUSED)
{
    char url[PG_URL_MAX];

    pg_empty_database(url);
    db = pg_db(url);
    strbuf_init(&err, 1024);
    return 0;
}

static int close_db(void **state UNUSED)
{
    db = db_free(db);
    strbuf_release(&err);
    return 0;
}

static void once_however_often(void **state UNUSED)
{
    for (int i = 0; i < 3; i++) {
        struct pg_call calls[] = { call_of(add_sql, "41"), call_of(divide_sql, "4"),
                                   call_of(add_sql, "1"), call_of(prepared_sql, NULL) };
        expect(calls, 4, "3");
    }
}

static void a_failure_keeps_what_is_prepared(void **state UNUSED)
{
    struct pg_call bad[] = { call_of(add_sql, "1"), call_of(divide_sql, "0"),
                             call_of(prepared_sql, NULL) };
    struct pg_call good[] = { call_of(divide_sql, "3"), call_of(add_sql, "1"),
                              call_of(prepared_sql, NULL) };

    assert_int_equal(pg_call_all(db, bad, 3, &err), DB_DATA_FAULT);
    assert_non_null(strstr(err.ptr, "division by zero"));
    pg_calls_clear(bad, 3);
    expect(good, 3, "3");
}

static void a_statement_that_cannot_be_prepared(void **state UNUSED)
{
    struct pg_call bad[] = { call_of("SELECT no_such_column", NULL) };
    struct pg_call good[] = { call_of(add_sql, "1"), call_of(prepared_sql, NULL) };

    for (int i = 0; i < 2; i++)
        assert_int_equal(pg_call_all(db, bad, 1, &err), DB_REFUSED);
    expect(good, 2, "2");
}

static void a_new_connection_knows_none(void **state UNUSED)
{
    struct pg_call calls[] = { call_of(add_sql, "1"), call_of(prepared_sql, NULL) };

    expect(calls, 2, "2");
    db_disconnect(db);
    expect(calls, 2, "2");
}

/* More statements than there is room for: they work, without a name. */
static void more_than_there_is_room_for(void **state UNUSED)
{
    static char sql[PG_PREPARED_MAX + 20][32];
    struct pg_call last = call_of(prepared_sql, NULL);

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < PG_PREPARED_MAX + 20; i++) {
            struct pg_call call = call_of(sql[i], NULL);
            char text[8];

            (void)snprintf(text, sizeof(text), "%d", i);
            (void)snprintf(sql[i], sizeof(sql[i]), "SELECT %d::text", i);
            expect(&call, 1, text);
        }
    assert_int_equal(pg_call_all(db, &last, 1, &err), 0);
    /* The one without a name may count, too. */
    assert_in_range(strtol(PQgetvalue(last.result, 0, 0), NULL, 10), PG_PREPARED_MAX,
                    PG_PREPARED_MAX + 1);
    pg_calls_clear(&last, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(once_however_often, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_failure_keeps_what_is_prepared, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_statement_that_cannot_be_prepared, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_new_connection_knows_none, open_db, close_db),
        cmocka_unit_test_setup_teardown(more_than_there_is_room_for, open_db, close_db),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
