/* Connections and what their failures mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "store/pg.h"
#include "unit/store/pg_server.h"

static void test_classes(void **state UNUSED)
{
    static const struct {
        const char *sqlstate, *constraint;
        enum db_outcome outcome;
    } cases[] = {
        { "22P02", NULL, DB_DATA_FAULT },
        { "22021", NULL, DB_DATA_FAULT },
        { "22003", NULL, DB_DATA_FAULT },
        { "23502", NULL, DB_DATA_FAULT },
        { "23514", "a_check", DB_DATA_FAULT },
        { "23514", NULL, DB_RETRY },
        { "23514", "", DB_RETRY },
        { "54000", NULL, DB_DATA_FAULT },
        { "54001", NULL, DB_DATA_FAULT },
        { "54011", NULL, DB_RETRY },
        { "23505", "a_key", DB_RETRY },
        { "40001", NULL, DB_RETRY },
        { "40P01", NULL, DB_RETRY },
        { "53100", NULL, DB_RETRY },
        { "55P03", NULL, DB_RETRY },
        { "57014", NULL, DB_RETRY },
        { "57P01", NULL, DB_RETRY },
        { "58030", NULL, DB_RETRY },
        { "08006", NULL, DB_RETRY },
        { "XX000", NULL, DB_RETRY },
        { "25006", NULL, DB_RETRY },
        { "21000", NULL, DB_RETRY },
        { "ZZZZZ", NULL, DB_RETRY },
        { "", NULL, DB_RETRY },
        { NULL, NULL, DB_RETRY },
        { "28P01", NULL, DB_REFUSED },
        { "28000", NULL, DB_REFUSED },
        { "3D000", NULL, DB_REFUSED },
        { "42P01", NULL, DB_REFUSED },
        { "42501", NULL, DB_REFUSED },
        { "42601", NULL, DB_REFUSED },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        enum db_outcome outcome = db_class_of_sqlstate(cases[i].sqlstate, cases[i].constraint);
        if (outcome != cases[i].outcome)
            print_error("SQLSTATE %s\n", cases[i].sqlstate ? cases[i].sqlstate : "(none)");
        assert_int_equal(outcome, cases[i].outcome);
    }
}

static void test_redacted_urls(void **state UNUSED)
{
    static const struct {
        const char *url, *shown;
    } cases[] = {
        { "postgresql://u:secret@h:5432/d", "postgresql://u:***@h:5432/d" },
        { "postgresql://u@h/d", "postgresql://u@h/d" },
        { "postgres://h/d?password=secret&user=u", "postgresql://u:***@h/d" },
        { "host=h port=1 user=u password='se cret' dbname=d", "postgresql://u:***@h:1/d" },
        { "postgresql://u:secret@a:1,b:2/d?sslpassword=secret", "postgresql://u:***@a:1,b:2/d" },
        { "postgresql://u:secret@[::1/d", "(not a connection string)" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf out;
        strbuf_init(&out, 1024);
        db_url_redacted(cases[i].url, &out);
        assert_null(strstr(out.ptr, "secret"));
        assert_string_equal(out.ptr, cases[i].shown);
    }
}

static struct db *db_of(const char *url, uint64_t statement_timeout_usec, bool read_only)
{
    const struct db_options options = {
        .url = url,
        .application_name = "sluice test",
        .connect_timeout_usec = 3 * UINT64_C(1000000),
        .statement_timeout_usec = statement_timeout_usec,
        .read_only = read_only,
    };

    return db_new(&options);
}

static void test_refused_connections(void **state UNUSED)
{
    const struct {
        const char *user, *host, *database;
        int port, outcome;
    } cases[] = {
        { "sluice", "127.0.0.1", "postgres", pg_server.port, 0 },
        { "sluice", "127.0.0.1", "postgres", pg_free_port(), DB_RETRY },
        { "sluice", "127.0.0.1", "nothing", pg_server.port, DB_REFUSED },
        { "nobody", "127.0.0.1", "postgres", pg_server.port, DB_REFUSED },
        { "sluice", "[::1", "postgres", pg_server.port, DB_REFUSED },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(db_freep) struct db *db = NULL;
        _cleanup_strbuf_ struct strbuf err;
        char url[PG_URL_MAX];
        (void)snprintf(url, sizeof(url), "postgresql://%s:secret@%s:%d/%s", cases[i].user,
                       cases[i].host, cases[i].port, cases[i].database);
        strbuf_init(&err, 1024);
        db = db_of(url, 0, false);
        assert_int_equal(db_connect(db, &err), cases[i].outcome);
        assert_int_equal(err.len > 0, cases[i].outcome != 0);
        assert_null(strstr(err.ptr, "secret"));
        assert_null(strchr(err.ptr, '\n'));
    }
}

/* The first host is away: the second one is used. */
static void test_several_hosts(void **state UNUSED)
{
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    char url[PG_URL_MAX];

    (void)snprintf(url, sizeof(url), "postgresql://sluice@127.0.0.1:%d,127.0.0.1:%d/postgres",
                   pg_free_port(), pg_server.port);
    strbuf_init(&err, 1024);
    db = db_of(url, 0, false);
    assert_int_equal(db_ping(db, &err), 0);
}

static void test_read_only(void **state UNUSED)
{
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    char url[PG_URL_MAX];

    pg_database(url);
    strbuf_init(&err, 1024);
    db = db_of(url, 0, /* read_only= */ true);
    assert_int_equal(db_connect(db, &err), 0);
    assert_int_equal(pg_exec(db, "DELETE FROM ledger", &err), DB_RETRY);
    assert_string_equal(db->failure.sqlstate, "25006");
}

static void test_statement_timeout(void **state UNUSED)
{
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    char url[PG_URL_MAX];

    pg_url_of("postgres", url);
    strbuf_init(&err, 1024);
    db = db_of(url, 50000, false);
    assert_int_equal(db_connect(db, &err), 0);
    assert_int_equal(pg_exec(db, "SELECT pg_sleep(60)", &err), DB_RETRY);
    assert_string_equal(db->failure.sqlstate, "57014");
    assert_int_equal(db_ping(db, &err), 0);
}

/* A server that was stopped does not answer at all, not even that it is too late. */
static void test_stopped_server(void **state UNUSED)
{
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    char url[PG_URL_MAX];
    uint64_t before;
    pid_t backend;

    pg_url_of("postgres", url);
    strbuf_init(&err, 1024);
    db = db_of(url, 100000, false);
    assert_int_equal(db_connect(db, &err), 0);
    backend = PQbackendPID(db->conn);
    assert_int_equal(kill(backend, SIGSTOP), 0);
    before = clock_mono_usec();
    assert_int_equal(db_ping(db, &err), DB_RETRY);
    assert_true(clock_mono_usec() - before < 5 * UINT64_C(1000000));
    (void)kill(backend, SIGCONT);
    assert_int_equal(db_ping(db, &err), 0);
}

static void *sleep_long(void *arg)
{
    _cleanup_strbuf_ struct strbuf err;

    strbuf_init(&err, 1024);
    return (void *)(intptr_t)pg_exec(arg, "SELECT pg_sleep(60)", &err);
}

static void test_cancel(void **state UNUSED)
{
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    PGconn *conn = pg_try_connect("postgres");
    char url[PG_URL_MAX];
    pthread_t thread;
    void *outcome;

    pg_url_of("postgres", url);
    strbuf_init(&err, 1024);
    db = db_of(url, 0, false);
    assert_int_equal(db_connect(db, &err), 0);
    db_cancel(db); /* nothing runs: nothing happens */
    assert_int_equal(db_ping(db, &err), 0);
    assert_int_equal(pthread_create(&thread, NULL, sleep_long, db), 0);
    pg_wait_until(conn,
                  "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')");
    db_cancel(db);
    assert_int_equal(pthread_join(thread, &outcome), 0);
    assert_int_equal((intptr_t)outcome, DB_RETRY);
    pg_abandon(db);
    /* The server notices by itself that nobody waits any more. */
    pg_wait_until(conn,
                  "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')");
    assert_int_equal(db_ping(db, &err), 0);
    PQfinish(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_redacted_urls),
        cmocka_unit_test(test_refused_connections),
        cmocka_unit_test(test_several_hosts),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_statement_timeout),
        cmocka_unit_test(test_stopped_server),
        cmocka_unit_test(test_cancel),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
