/* The batch writer with each of its allocations failing once, libpq's on its thread included: the
 * batch is stored or given back for another time, never for dead; and that other time stores it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "store/writer_internal.h"
#include "unit/store/batches.h"
#include "unit/torture.h"

#define EVENTS 40
/* Far more than one batch makes: a run that goes on for ever is a mistake of the test. */
#define ALLOCATIONS_MAX 5000

static char url[PG_URL_MAX];
static PGconn *conn;

static int set_up(void **state UNUSED)
{
    pg_database(url);
    /* The Kerberos library, which libpq asks for credentials first, does not survive an allocation
     * that fails. */
    (void)snprintf(url + strlen(url), sizeof(url) - strlen(url), "?gssencmode=disable");
    conn = PQconnectdb(url);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    PQfinish(conn);
    return 0;
}

/* libpq 15 takes a message for which it has no memory (that of COPY) for one that has not come yet,
 * and waits. In the product the statement timeout ends that; here a thread does, sooner. */
#define PATIENCE_USEC UINT64_C(300000)

static struct db *_Atomic watched;
static _Atomic bool tests_over;

static void *watch(void *arg UNUSED)
{
    uint64_t waited = 0;

    while (!tests_over) {
        struct db *db = watched;

        waited = torture_struck ? waited + PATIENCE_USEC / 10 : 0;
        if (db && waited >= PATIENCE_USEC)
            db_cancel(db);
        (void)usleep(PATIENCE_USEC / 10);
    }
    return NULL;
}

/* Two messages; both sources, amounts, and an id twice. The day is another one than the last
 * batch's, so that a new writer asks for its partition. */
static void fill(struct test_batch *b, unsigned n)
{
    test_batch_init(b);
    for (unsigned i = 0; i < EVENTS; i++) {
        unsigned id = n * EVENTS + (i ? i : 1);

        if (i % (EVENTS / 2) == 0)
            (void)add_message(b, n * 2 + i / (EVENTS / 2));
        (void)add_event(b, &(struct test_event){ .id = id,
                                                 .source = (enum event_source)(id % SOURCE_COUNT),
                                                 .user = i % 7,
                                                 .attributes = i,
                                                 .country = true,
                                                 .campaign = "spring",
                                                 .cents = (int64_t)i - EVENTS / 2,
                                                 .usec = n % 3 * USEC_PER_DAY });
    }
}

static unsigned sum_stored(const struct store_batch *batch)
{
    return batch->messages[0].stored + batch->messages[1].stored;
}

static void check_outcome(int r, bool failed, const struct strbuf *err, uint64_t nth)
{
    if (r == 0)
        return;
    if (!failed || (r != -ENOMEM && r != DB_RETRY && r != DB_UNKNOWN))
        fail_msg("allocation %llu: outcome %d, %s", (unsigned long long)nth, r, err->ptr);
}

/* The batch is in the database once, and the batch itself says what became of it. */
static void check_stored(const struct store_batch *batch, unsigned n)
{
    char sql[128];
    bool seen = batch->messages[0].seen;

    assert_int_equal(batch->messages[1].seen, seen);
    assert_int_equal(sum_stored(batch), seen ? 0 : EVENTS - 1);
    assert_int_equal(batch->messages[0].duplicates, seen ? 0 : 1);
    (void)snprintf(sql, sizeof(sql), "SELECT sum(stored) FROM ledger WHERE seq IN (%u, %u)", n * 2,
                   n * 2 + 1);
    assert_int_equal(pg_number(conn, sql), EVENTS - 1);
}

/* A writer's n-th batch with its nth allocation failing; then again without. */
static bool write_tortured(struct store_writer *w, unsigned n, uint64_t nth)
{
    _cleanup_batch_ struct test_batch b;
    _cleanup_strbuf_ struct strbuf err;
    bool failed;
    int r;

    strbuf_init(&err, 1024);
    fill(&b, n);
    torture_arm(nth);
    r = store_write(w, &b.batch, &err);
    failed = torture_disarm();
    check_outcome(r, failed, &err, nth);
    if (r != 0) {
        assert_int_equal(sum_stored(&b.batch), 0);
        assert_int_equal(store_write(w, &b.batch, &err), 0);
    }
    check_stored(&b.batch, n);
    return failed;
}

static struct store_writer *new_writer(void)
{
    struct db *db = pg_db(url);
    struct store_writer *w = store_writer_new(db);

    assert_non_null(w);
    watched = db;
    return w;
}

static void test_first_batch_of_a_writer(void **state UNUSED)
{
    bool failed = true;

    for (unsigned n = 1; failed; n++) {
        _cleanup_(store_writer_freep) struct store_writer *w = new_writer();

        assert_in_range(n, 1, ALLOCATIONS_MAX);
        failed = write_tortured(w, n, n);
    }
    assert_int_equal(batches_recount(conn), 0);
}

static void test_later_batches(void **state UNUSED)
{
    _cleanup_(store_writer_freep) struct store_writer *w = new_writer();
    bool failed = true;

    (void)write_tortured(w, 0, 0);
    for (unsigned n = 1; failed; n++) {
        assert_in_range(n, 1, ALLOCATIONS_MAX);
        failed = write_tortured(w, n, n);
    }
    assert_int_equal(batches_recount(conn), 0);
}

/* Keys that another writer has stored: the batch is done again with every key looked up. */
static void test_keys_of_another_writer(void **state UNUSED)
{
    _cleanup_(store_writer_freep) struct store_writer *w = new_writer(), *other = new_writer();
    bool failed = true;

    watched = w->db;
    (void)write_tortured(w, 0, 0);
    for (unsigned n = 1; failed; n++) {
        _cleanup_batch_ struct test_batch mine, theirs;
        _cleanup_strbuf_ struct strbuf err;
        int r;

        strbuf_init(&err, 1024);
        assert_in_range(n, 1, ALLOCATIONS_MAX);
        fill(&theirs, n);
        fill(&mine, n);
        mine.batch.messages[0].seq += 1000000;
        mine.batch.messages[1].seq += 1000000;
        assert_int_equal(store_write(other, &theirs.batch, &err), 0);
        torture_arm(n);
        r = store_write(w, &mine.batch, &err);
        failed = torture_disarm();
        check_outcome(r, failed, &err, n);
        if (r != 0)
            assert_int_equal(store_write(w, &mine.batch, &err), 0);
        assert_int_equal(sum_stored(&mine.batch), 0);
        if (!mine.batch.messages[0].seen)
            assert_int_equal(mine.batch.messages[0].duplicates + mine.batch.messages[1].duplicates,
                             EVENTS);
    }
    assert_int_equal(batches_recount(conn), 0);
}

static void test_trial(void **state UNUSED)
{
    _cleanup_(store_writer_freep) struct store_writer *w = new_writer();
    bool failed = true;

    for (unsigned n = 1; failed; n++) {
        _cleanup_batch_ struct test_batch b;
        _cleanup_strbuf_ struct strbuf err;
        int r;

        strbuf_init(&err, 1024);
        assert_in_range(n, 1, ALLOCATIONS_MAX);
        fill(&b, 1);
        torture_arm(n);
        r = store_try(w, &b.batch, 0, EVENTS, &err);
        failed = torture_disarm();
        check_outcome(r, failed, &err, n);
        assert_int_equal(store_try(w, &b.batch, 0, EVENTS, &err), 0);
    }
    assert_int_equal(pg_number(conn, "SELECT count(*) FROM event_keys"), 0);
}

static void test_birth(void **state UNUSED)
{
    const struct db_options options = { .url = url,
                                        .application_name = "sluice test",
                                        .connect_timeout_usec = 10 * UINT64_C(1000000) };
    bool failed = true;

    for (unsigned n = 1; failed; n++) {
        _cleanup_strbuf_ struct strbuf err;
        struct store_writer *w = NULL;
        struct db *db;

        strbuf_init(&err, 1024);
        assert_in_range(n, 1, ALLOCATIONS_MAX);
        torture_arm(n);
        db = db_new(&options);
        if (db)
            w = store_writer_new(db);
        failed = torture_disarm();
        if (db && !w)
            db = db_free(db);
        assert_true(w || failed);
        if (w)
            assert_int_equal(db_ping(db, &err), 0);
        w = store_writer_free(w);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_birth),         T(test_first_batch_of_a_writer),
        T(test_later_batches), T(test_keys_of_another_writer),
        T(test_trial),
    };

    pthread_t watcher;
    int r;

    pg_server_start();
    if (pthread_create(&watcher, NULL, watch, NULL) != 0)
        return 99;
    r = cmocka_run_group_tests(tests, NULL, NULL);
    tests_over = true;
    (void)pthread_join(watcher, NULL);
    return r;
}
