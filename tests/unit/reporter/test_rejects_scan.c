/* Pages of dead letters, newest first, from a real server. */
#include "reporter/rejects_scan.h"

#include <errno.h>

#include "bus/dead_letter.h"
#include "unit/bus/bus_fixture.h"

#define LETTERS 3000

/* Letter i has sequence i + 1; every third is of tiktok, every tenth has another reason. */
static void bury(struct fixture *f)
{
    struct bus_publisher_options options = { 1024, 1 << 20, 0 };
    struct bus_publisher *p = fixture_publisher(f, &options);
    struct bus_result r;

    for (int i = 0; i < LETTERS; i++) {
        const struct dead_letter letter = { .source = i % 3 ? "facebook" : "tiktok",
                                            .bytes = SPAN("{}"),
                                            .reason = i % 10 ? "wrong_type" : "missing_field" };
        struct dead_letter_message m;

        dead_letter_message_of(&letter, &m);
        while (bus_publish(p, &m.message, NULL) != 0)
            assert_true(fixture_outcome(p, 5000, &r) && r.outcome == BUS_STORED);
    }
    while (bus_publisher_pending(p))
        assert_true(fixture_outcome(p, 5000, &r) && r.outcome == BUS_STORED);
    bus_publisher_free(p);
}

static int setup(void **state)
{
    int r = fixture_setup(state);

    if (r == 0) {
        fixture_stream(*state, BUS_DLQ_STREAM, BUS_DLQ_PREFIX ">", 1 << 24);
        bury(*state);
    }
    return r;
}

static struct rejects_query query_of(size_t limit)
{
    return (struct rejects_query){
        .limit = limit,
        .scan_max = 100000,
        .deadline_usec = clock_mono_usec() + 60 * USEC_PER_SEC,
    };
}

static void scan(struct fixture *f, const struct rejects_query *query, struct rejects *ret)
{
    if (rejects_scan(f->bus, query, ret, &f->err) < 0)
        fail_msg("%s", f->err.ptr);
}

static void test_newest_first(void **state)
{
    struct rejects_query query = query_of(5);
    struct rejects r;

    scan(*state, &query, &r);
    assert_int_equal(r.count, 5);
    for (size_t i = 0; i < r.count; i++)
        assert_int_equal(r.found[i]->seq, LETTERS - i);
    assert_int_equal(r.counts.total, LETTERS);
    assert_int_equal(r.counts.by_source.kinds[1].count, LETTERS / 3);
    assert_int_equal(r.counts.by_reason.kinds[1].count, LETTERS / 10);
    assert_int_equal(r.scanned, LETTERS);
    assert_true(r.complete);
    assert_int_equal(r.next, LETTERS - 4);
    rejects_release(&r);
}

/* All pages together are all letters, each once. */
static uint64_t walk(struct fixture *f, struct rejects_query *query)
{
    uint64_t count = 0, last = UINT64_MAX;

    for (;;) {
        struct rejects r;

        scan(f, query, &r);
        for (size_t i = 0; i < r.count; i++) {
            assert_true(r.found[i]->seq < last);
            last = r.found[i]->seq;
        }
        count += r.count;
        query->before = r.next;
        rejects_release(&r);
        if (!query->before)
            return count;
    }
}

static void test_pages(void **state)
{
    static const struct {
        size_t limit;
        uint64_t scan_max;
        struct letter_filter filter;
        uint64_t total;
    } cases[] = {
        { 1000, 100000, { 0 }, LETTERS },
        { 999, 100000, { 0 }, LETTERS },
        { 100, 100, { 0 }, LETTERS },
        { 7, 650, { 0 }, LETTERS },
        { 1000, 300, { .reason = "missing_field" }, LETTERS / 10 },
        { 1000, 100000, { .source = "tiktok" }, LETTERS / 3 },
        { 64, 70, { .source = "tiktok", .reason = "missing_field" }, LETTERS / 30 },
        { 10, 100000, { .reason = "nothing" }, 0 },
        { 10, 100000, { .source = "unknown" }, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct rejects_query query = query_of(cases[i].limit);

        print_message("case %zu\n", i);
        query.scan_max = cases[i].scan_max;
        query.filter = cases[i].filter;
        assert_int_equal(walk(*state, &query), cases[i].total);
    }
}

static int64_t stored_nsec(struct fixture *f, uint64_t seq)
{
    struct bus_delivery *d = NULL;
    int64_t nsec;

    assert_int_equal(bus_stored_get(f->bus, BUS_DLQ_STREAM, seq, &d, &f->err), 0);
    nsec = d->stored_nsec;
    bus_delivery_free(d);
    return nsec;
}

static void test_times(void **state)
{
    struct fixture *f = *state;
    struct rejects_query query = query_of(1000);
    struct rejects r;

    query.filter.from_nsec = stored_nsec(f, 1000);
    query.filter.to_nsec = stored_nsec(f, 1500);
    scan(f, &query, &r);
    assert_int_equal(r.counts.total, 500);
    assert_int_equal(r.found[0]->seq, 1499);
    assert_int_equal(r.found[r.count - 1]->seq, 1000);
    assert_true(r.scanned <= 500);
    rejects_release(&r);
    query.filter.from_nsec = clock_wall_nsec();
    query.filter.to_nsec = 0;
    scan(f, &query, &r);
    assert_int_equal(r.counts.total, 0);
    assert_true(r.complete && !r.next);
    rejects_release(&r);
    query.filter.from_nsec = 0;
    query.filter.to_nsec = 1;
    scan(f, &query, &r);
    assert_int_equal(r.counts.total, 0);
    assert_true(r.complete && !r.next);
    rejects_release(&r);
}

/* What was not looked at is told, and where to go on. */
static void test_bounds(void **state)
{
    struct rejects_query query = query_of(10);
    struct rejects r;

    query.scan_max = 800;
    query.filter.reason = "nothing";
    scan(*state, &query, &r);
    assert_false(r.complete);
    assert_int_equal(r.scanned, 800);
    assert_int_equal(r.next, LETTERS - 800 + 1);
    rejects_release(&r);
    query.scan_max = 100000;
    query.deadline_usec = 0;
    scan(*state, &query, &r);
    assert_false(r.complete);
    assert_int_equal(r.scanned, 0);
    assert_int_equal(r.next, LETTERS + 1);
    rejects_release(&r);
}

static void test_server_away(void **state)
{
    struct rejects_query query = query_of(10);
    struct fixture *f = *state;
    struct rejects r;

    nats_server_kill(&f->server);
    assert_int_equal(rejects_scan(f->bus, &query, &r, &f->err), -ENOTCONN);
    rejects_release(&r);
    assert_true(nats_server_start(&f->server));
    fixture_wait_connected(f);
    scan(f, &query, &r);
    assert_int_equal(r.counts.total, LETTERS);
    rejects_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_first), cmocka_unit_test(test_pages),
        cmocka_unit_test(test_times),        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_server_away),
    };

    return cmocka_run_group_tests(tests, setup, fixture_teardown);
}
