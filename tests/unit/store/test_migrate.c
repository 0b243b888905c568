/* Migrations: once, by one runner at a time, and never silently different. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "unit/store/pg_server.h"

struct runner {
    pthread_t thread;
    const char *url;
    uint32_t applied;
    int outcome;
};

static void *run(void *arg)
{
    struct runner *r = arg;
    _cleanup_(db_freep) struct db *db = pg_db(r->url);
    _cleanup_strbuf_ struct strbuf err;

    strbuf_init(&err, 1024);
    r->outcome = migrate_run(db, &r->applied, &err);
    if (r->outcome != 0)
        fprintf(stderr, "%s\n", err.ptr);
    return NULL;
}

static struct migration_state state_of(const char *url)
{
    _cleanup_(db_freep) struct db *db = pg_db(url);
    _cleanup_strbuf_ struct strbuf err;
    struct migration_state state;

    strbuf_init(&err, 1024);
    assert_int_equal(migrate_state_of(db, &state, &err), 0);
    return state;
}

static void test_many_runners(void **unused UNUSED)
{
    struct runner runners[6];
    char url[PG_URL_MAX];
    uint32_t applied = 0, wanted;

    pg_empty_database(url);
    wanted = state_of(url).wanted;
    assert_true(wanted >= 1);
    assert_int_equal(state_of(url).version, 0);
    for (size_t i = 0; i < ARRAY_SIZE(runners); i++) {
        runners[i] = (struct runner){ .url = url };
        assert_int_equal(pthread_create(&runners[i].thread, NULL, run, &runners[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(runners); i++) {
        (void)pthread_join(runners[i].thread, NULL);
        assert_int_equal(runners[i].outcome, 0);
        assert_true(runners[i].applied == 0 || runners[i].applied == wanted);
        applied += runners[i].applied;
    }
    assert_int_equal(applied, wanted);
    assert_int_equal(state_of(url).version, wanted);
}

static void test_twice(void **unused UNUSED)
{
    struct runner r = { 0 };
    char url[PG_URL_MAX];

    pg_database(url);
    r.url = url;
    (void)run(&r);
    assert_int_equal(r.outcome, 0);
    assert_int_equal(r.applied, 0);
}

/* What a person or a newer binary may have done to the register, and what comes of it. */
static void test_register_differs(void **unused UNUSED)
{
    static const struct {
        const char *sql;
        int outcome;
    } cases[] = {
        { "INSERT INTO schema_migrations VALUES (9999, '9999_later.sql', 'x')", 0 },
        { "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1", DB_REFUSED },
        { "DELETE FROM schema_migrations WHERE version = 1", DB_REFUSED }, /* its tables exist */
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(db_freep) struct db *db = NULL;
        _cleanup_strbuf_ struct strbuf err;
        char url[PG_URL_MAX];
        PGconn *conn;
        uint32_t applied = 0;
        pg_database(url);
        conn = PQconnectdb(url);
        (void)pg_value(conn, cases[i].sql);
        PQfinish(conn);
        db = pg_db(url);
        strbuf_init(&err, 1024);
        assert_int_equal(migrate_run(db, &applied, &err), cases[i].outcome);
        assert_int_equal(applied, 0);
        assert_int_equal(err.len > 0, cases[i].outcome != 0);
        if (i == 0)
            assert_int_equal(state_of(url).version, 9999);
    }
}

/* Someone who reads the schema in psql finds every table explained. */
static void test_every_table_has_a_comment(void **unused UNUSED)
{
    char url[PG_URL_MAX];
    PGconn *conn;

    pg_database(url);
    conn = PQconnectdb(url);
    assert_string_equal(pg_value(conn, "SELECT string_agg(relname, ' ') FROM pg_class"
                                       " WHERE relnamespace = 'public'::regnamespace"
                                       " AND relkind IN ('r', 'p') AND NOT relispartition"
                                       " AND obj_description(oid) IS NULL"),
                        "");
    PQfinish(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_runners),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_register_differs),
        cmocka_unit_test(test_every_table_has_a_comment),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
