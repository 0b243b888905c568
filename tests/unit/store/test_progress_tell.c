/* What collectors tell of their streams, and how several of them do not disturb each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/pg.h"
#include "store/progress.h"
#include "unit/store/pg_server.h"

#define TOLD INT64_C(1769860800000001) /* 2026-01-31T12:00:00.000001Z */
#define LATER (TOLD + 5 * USEC_PER_SEC)

static char url[PG_URL_MAX];

struct rig {
    struct db *db;
    struct strbuf err;
};

static int set_up(void **state)
{
    const struct db_options options = { .url = url, .application_name = "sluice test" };
    struct rig *rig = calloc(1, sizeof(*rig));

    assert_non_null(rig);
    strbuf_init(&rig->err, 1024);
    rig->db = db_new(&options);
    assert_int_equal(db_connect(rig->db, &rig->err), 0);
    assert_int_equal(pg_exec(rig->db, "TRUNCATE stream_progress", &rig->err), 0);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    (void)db_free(rig->db);
    strbuf_release(&rig->err);
    free(rig);
    return 0;
}

static void tell(struct rig *rig, const char *stream, int64_t usec)
{
    if (progress_tell(rig->db, stream, usec, &rig->err) != 0)
        fail_msg("%s", rig->err.ptr);
}

static int64_t through(struct rig *rig)
{
    int64_t usec = -1;

    assert_int_equal(progress_through(rig->db, &usec, &rig->err), 0);
    return usec;
}

/* As if what is told was told so long ago; below 0: the database's clock was set back since. */
static void age(struct rig *rig, const char *interval)
{
    char sql[128];

    (void)snprintf(sql, sizeof(sql), "UPDATE stream_progress SET told_at = now() - interval '%s'",
                   interval);
    assert_int_equal(pg_exec(rig->db, sql, &rig->err), 0);
}

static bool is_told_now(struct rig *rig)
{
    _cleanup_result_ PGresult *rows = NULL;

    assert_int_equal(pg_query(rig->db,
                              "SELECT told_at BETWEEN now() - interval '1 min' AND now()"
                              " FROM stream_progress",
                              NULL, &rows, &rig->err),
                     0);
    return PQgetvalue(rows, 0, 0)[0] == 't';
}

static void it_never_moves_back(void **state)
{
    struct rig *rig = *state;

    assert_true(through(rig) == 0);
    tell(rig, "A", TOLD);
    assert_true(through(rig) == TOLD);
    age(rig, "1 h");
    tell(rig, "A", TOLD - 1);
    assert_true(through(rig) == TOLD);
    assert_true(is_told_now(rig)); /* somebody is there all the same */
    age(rig, "2 s");
    tell(rig, "A", LATER);
    assert_true(through(rig) == LATER);
    tell(rig, "B", TOLD);
    assert_true(through(rig) == TOLD);
}

static void several_write_it_once_a_second(void **state)
{
    struct rig *rig = *state;

    /* In one transaction it is one and the same moment. */
    assert_int_equal(pg_exec(rig->db, "BEGIN", &rig->err), 0);
    tell(rig, "A", TOLD);
    tell(rig, "A", LATER);
    assert_int_equal(pg_exec(rig->db, "COMMIT", &rig->err), 0);
    assert_true(through(rig) == TOLD);
    age(rig, "-1 h");
    tell(rig, "A", LATER);
    assert_true(through(rig) == LATER);
    assert_true(is_told_now(rig));
}

static void a_clock_that_runs_ahead_promises_nothing(void **state)
{
    struct rig *rig = *state;

    tell(rig, "A", clock_wall_usec() + USEC_PER_DAY);
    assert_true(through(rig) <= clock_wall_usec());
    age(rig, "2 s");
    tell(rig, "A", clock_wall_usec() + USEC_PER_DAY);
    assert_true(through(rig) <= clock_wall_usec());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_never_moves_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_write_it_once_a_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_runs_ahead_promises_nothing, set_up,
                                        tear_down),
    };

    pg_server_start();
    pg_database(url);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
