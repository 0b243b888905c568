/* Publishing against a real server, its faults included. */
#include "bus/publisher.h"

#include <errno.h>

#include "unit/bus/bus_fixture.h"

static struct bus_publisher *make(struct fixture *f, uint32_t max_pending, uint64_t max_bytes,
                                  uint64_t timeout_usec)
{
    struct bus_publisher_options options = { max_pending, max_bytes, timeout_usec };

    return fixture_publisher(f, &options);
}

static void test_stored_and_duplicate(void **state)
{
    struct fixture *f = *state;
    struct bus_publisher *p = make(f, 16, 1 << 20, 0);
    struct bus_message m = fixture_message("ok.a", "hello");
    struct bus_result r;
    int token;

    fixture_stream(f, "OK", "ok.>", 1 << 20);
    m.msg_id = "id-1";
    assert_int_equal(bus_publish(p, &m, &token), 0);
    assert_true(fixture_outcome(p, 3000, &r));
    assert_int_equal(r.outcome, BUS_STORED);
    assert_ptr_equal(r.token, &token);
    assert_int_equal(r.seq, 1);
    assert_int_equal(bus_publish(p, &m, &token), 0);
    assert_true(fixture_outcome(p, 3000, &r));
    assert_int_equal(r.outcome, BUS_DUPLICATE);
    assert_int_equal(r.seq, 1);
    assert_false(bus_publisher_next(p, &r));
    assert_false(fixture_poll(bus_publisher_fd(p), 0));
    assert_int_equal(bus_publisher_pending(p), 0);
    bus_publisher_free(p);
}

static void expect(struct bus_publisher *p, enum bus_outcome outcome, int error_code)
{
    struct bus_result r;

    assert_true(fixture_outcome(p, 5000, &r));
    assert_int_equal(r.outcome, outcome);
    assert_int_equal(r.error_code, error_code);
    assert_int_equal(r.error[0] != '\0', outcome == BUS_REFUSED || outcome == BUS_UNKNOWN);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct bus_publisher *p = make(f, 16, 8 << 20, 0);
    struct bus_message m = fixture_message("nobody.listens", "hello");
    _cleanup_free_ char *large = calloc(2, 1 << 20);

    assert_int_equal(bus_publish(p, &m, NULL), 0);
    expect(p, BUS_REFUSED, BUS_ERROR_NO_STREAM);
    m.payload = span_of(large, 2 << 20);
    assert_int_equal(bus_publish(p, &m, NULL), 0);
    expect(p, BUS_REFUSED, BUS_ERROR_TOO_LARGE);
    /* One that is refused leaves the connection usable. */
    fixture_stream(f, "AFTER", "after.>", 1 << 20);
    m = fixture_message("after.a", "x");
    assert_int_equal(bus_publish(p, &m, NULL), 0);
    expect(p, BUS_STORED, 0);
    m.subject = "";
    assert_int_equal(bus_publish(p, &m, NULL), -EINVAL);
    assert_int_equal(bus_publisher_pending(p), 0);
    bus_publisher_free(p);
}

static void test_stream_full(void **state)
{
    struct fixture *f = *state;
    struct bus_publisher *p = make(f, 16, 1 << 20, 0);
    _cleanup_free_ char *bytes = calloc(1, 30000);
    struct bus_message m = { .subject = "full.a", .payload = { bytes, 30000 } };
    struct bus_result r = { 0 };

    fixture_stream(f, "FULL", "full.>", 100000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bus_publish(p, &m, NULL), 0);
        expect(p, BUS_STORED, 0);
    }
    assert_int_equal(bus_publish(p, &m, NULL), 0);
    assert_true(fixture_outcome(p, 3000, &r));
    assert_int_equal(r.outcome, BUS_REFUSED);
    assert_int_equal(r.error_code, 10077);
    assert_non_null(strstr(r.error, "maximum bytes exceeded"));
    bus_publisher_free(p);
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    struct bus_publisher *p = make(f, 4, 100, 500 * USEC_PER_MSEC);
    _cleanup_free_ char *bytes = calloc(1, 1000);
    struct bus_message m = { .subject = "limits.a", .payload = { bytes, 60 } };

    fixture_stream(f, "LIMITS", "limits.>", 1 << 20);
    nats_server_pause(&f->server);
    assert_int_equal(bus_publish(p, &m, NULL), 0);
    assert_int_equal(bus_publish(p, &m, NULL), -EAGAIN); /* bytes */
    m.payload.len = 1;
    for (int i = 0; i < 3; i++)
        assert_int_equal(bus_publish(p, &m, NULL), 0);
    assert_int_equal(bus_publish(p, &m, NULL), -EAGAIN); /* messages */
    assert_int_equal(bus_publisher_pending(p), 4);
    /* Lost acks give their slots back, round after round. */
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++)
            expect(p, BUS_UNKNOWN, 0);
        assert_int_equal(bus_publisher_pending(p), 0);
        for (int i = 0; i < 4; i++)
            assert_int_equal(bus_publish(p, &m, NULL), 0);
    }
    nats_server_resume(&f->server);
    for (int i = 0; i < 4; i++)
        expect(p, BUS_STORED, 0);
    /* A message larger than max_bytes goes alone. */
    m.payload.len = 1000;
    assert_int_equal(bus_publish(p, &m, NULL), 0);
    assert_int_equal(bus_publish(p, &m, NULL), -EAGAIN);
    expect(p, BUS_STORED, 0);
    bus_publisher_free(p);
}

struct tally {
    size_t stored, taken;
};

static void count(struct tally *t, const struct bus_result *r)
{
    assert_int_equal((*(unsigned char *)r->token)++, 0);
    t->stored += r->outcome == BUS_STORED;
    t->taken++;
}

/* What waits at the descriptor, for 10 ms at most. */
static void take_some(struct bus_publisher *p, struct tally *t)
{
    struct bus_result r;

    (void)fixture_poll(bus_publisher_fd(p), 10);
    while (bus_publisher_next(p, &r))
        count(t, &r);
}

/* What was acked is there after kill -9, and every token comes back exactly once. */
static void test_killed_under_load(void **state)
{
    enum { COUNT = 50000 };
    struct fixture *f = *state;
    struct bus_publisher *p = make(f, 500, 1 << 20, USEC_PER_SEC);
    _cleanup_free_ unsigned char *seen = calloc(1, COUNT);
    struct bus_stream_state stream;
    struct bus_result r;
    struct tally tally = { 0 };
    size_t sent = 0;

    fixture_stream(f, "LOADED", "loaded.>", 64 << 20);
    for (int kill = 0; kill < 4; kill++) {
        uint64_t until = clock_mono_usec() + 200 * USEC_PER_MSEC;
        struct bus_message m = fixture_message("loaded.a", "0123456789");

        while (clock_mono_usec() < until) {
            while (sent < COUNT && bus_publish(p, &m, &seen[sent]) == 0)
                sent++;
            take_some(p, &tally);
        }
        nats_server_kill(&f->server);
        assert_true(nats_server_start(&f->server));
        fixture_wait_connected(f);
        while (!bus_publisher_connected(p))
            take_some(p, &tally); /* messages whose ack timeout passes meanwhile */
    }
    while (tally.taken < sent) {
        assert_true(fixture_outcome(p, 5000, &r));
        count(&tally, &r);
    }
    assert_false(bus_publisher_next(p, &r));
    assert_true(tally.stored > 0);
    fixture_stream(f, "LOADED", "loaded.>", 64 << 20); /* waits until JetStream is up */
    assert_int_equal(bus_stream_state_of(f->bus, "LOADED", &stream, &f->err), 0);
    assert_true(stream.messages >= tally.stored);
    bus_publisher_free(p);
}

/* 6 s of a stopped server, with more bytes than the sockets take: the owner is never held up, every
 * message has its outcome, and all goes on afterwards. */
static void test_server_stopped(void **state)
{
    struct fixture *f = *state;
    struct bus_publisher *p = make(f, 512, 64 << 20, 2 * USEC_PER_SEC);
    _cleanup_free_ char *bytes = calloc(1, 256 * 1024);
    struct bus_message m = { .subject = "stopped.a", .payload = { bytes, 256 * 1024 } };
    uint64_t begin, slowest = 0, sent = 0, taken = 0;
    struct bus_result r;

    fixture_stream(f, "STOPPED", "stopped.>", 512 << 20);
    nats_server_pause(&f->server);
    begin = clock_mono_usec();
    while (clock_mono_usec() < begin + 6 * USEC_PER_SEC) {
        uint64_t at = clock_mono_usec();
        int sent_now = bus_publish(p, &m, NULL);

        while (bus_publisher_next(p, &r))
            taken++;
        slowest = MAX(slowest, clock_mono_usec() - at);
        if (sent_now == 0)
            sent++;
        else
            (void)fixture_poll(bus_publisher_fd(p), 10);
    }
    nats_server_resume(&f->server);
    assert_true(sent >= 256);
    while (taken < sent && fixture_outcome(p, 5000, &r))
        taken++;
    assert_int_equal(taken, sent);
    assert_int_equal(bus_publisher_pending(p), 0);
    /* The waits of the library that must not happen take 2 s; a busy machine may take a while. */
    if (slowest > 500 * USEC_PER_MSEC)
        fail_msg("the owner was held up for %lu us", slowest);
    fixture_wait_connected(f);
    fixture_wait_publisher(p);
    m.payload.len = 10;
    assert_int_equal(bus_publish(p, &m, NULL), 0);
    expect(p, BUS_STORED, 0);
    bus_publisher_free(p);
}

static void test_freed_in_flight(void **state)
{
    struct fixture *f = *state;
    struct bus_message m = fixture_message("freed.a", "x");

    fixture_stream(f, "FREED", "freed.>", 1 << 20);
    for (int round = 0; round < 20; round++) {
        struct bus_publisher *p = make(f, 100, 1 << 20, 0);

        for (int i = 0; i < 100; i++)
            assert_int_equal(bus_publish(p, &m, NULL), 0);
        bus_publisher_free(p);
    }
}

/* That no stream takes one subject is said about messages of that subject only, also when there are
 * more subjects than inboxes. */
static void test_subjects(void **state)
{
    enum { SUBJECTS = 24 };
    struct fixture *f = *state;
    struct bus_publisher *p = make(f, 2 * SUBJECTS, 1 << 20, 0);
    struct bus_message m = fixture_message("none.a", "x");
    char subject[24];
    struct bus_result r;
    int none;

    fixture_stream(f, "SUBJECTS", "subjects.>", 1 << 20);
    assert_int_equal(bus_publish(p, &m, &none), 0);
    for (int i = 0; i < SUBJECTS; i++) {
        m.subject = subject;
        (void)snprintf(subject, sizeof(subject), "subjects.%d", i);
        assert_int_equal(bus_publish(p, &m, NULL), 0);
    }
    for (int i = 0; i < SUBJECTS + 1; i++) {
        assert_true(fixture_outcome(p, 3000, &r));
        assert_int_equal(r.outcome, r.token == &none ? BUS_REFUSED : BUS_STORED);
    }
    bus_publisher_free(p);
}

/* Every token comes back exactly once. */
static void test_many(void **state)
{
    enum { COUNT = 20000 };
    struct fixture *f = *state;
    struct bus_publisher *p = make(f, 1000, 1 << 20, 0);
    _cleanup_free_ unsigned char *seen = calloc(1, COUNT);
    struct bus_stream_state stream;
    struct bus_result r;
    size_t sent = 0, taken = 0;

    fixture_stream(f, "MANY", "many.>", 64 << 20);
    while (taken < COUNT) {
        struct bus_message m = fixture_message("many.a", "0123456789");

        while (sent < COUNT && bus_publish(p, &m, &seen[sent]) == 0)
            sent++;
        assert_true(fixture_outcome(p, 5000, &r));
        do {
            assert_int_equal(r.outcome, BUS_STORED);
            assert_int_equal((*(unsigned char *)r.token)++, 0);
            taken++;
        } while (bus_publisher_next(p, &r));
    }
    assert_int_equal(bus_publisher_pending(p), 0);
    assert_int_equal(bus_stream_state_of(f->bus, "MANY", &stream, &f->err), 0);
    assert_int_equal(stream.messages, COUNT);
    bus_publisher_free(p);
}

static void test_sync(void **state)
{
    struct fixture *f = *state;
    struct bus_message m = fixture_message("sync.a", "x");
    struct bus_result r;

    fixture_stream(f, "SYNC", "sync.>", 1 << 20);
    m.msg_id = "one";
    assert_int_equal(bus_publish_sync(f->bus, &m, USEC_PER_SEC, &r), 0);
    assert_int_equal(r.outcome, BUS_STORED);
    assert_int_equal(bus_publish_sync(f->bus, &m, USEC_PER_SEC, &r), 0);
    assert_int_equal(r.outcome, BUS_DUPLICATE);
    m.subject = "nobody.listens";
    assert_int_equal(bus_publish_sync(f->bus, &m, USEC_PER_SEC, &r), -EIO);
    assert_int_equal(r.error_code, BUS_ERROR_NO_STREAM);
    nats_server_pause(&f->server);
    assert_int_equal(bus_publish_sync(f->bus, &m, 200 * USEC_PER_MSEC, &r), -ETIMEDOUT);
    assert_int_equal(r.outcome, BUS_UNKNOWN);
    nats_server_resume(&f->server);
    assert_int_equal(bus_ping(f->bus, 5 * USEC_PER_SEC), 0);
}

static void test_server_killed(void **state)
{
    struct fixture *f = *state;
    struct bus_publisher *p = make(f, 64, 1 << 20, USEC_PER_SEC);
    struct bus_message m = fixture_message("killed.a", "hello");
    struct bus_result r;
    int seen[10] = { 0 };

    fixture_stream(f, "KILLED", "killed.>", 1 << 20);
    nats_server_pause(&f->server);
    for (int i = 0; i < 10; i++)
        assert_int_equal(bus_publish(p, &m, &seen[i]), 0);
    nats_server_kill(&f->server);
    for (int i = 0; i < 10; i++) { /* in any order: by a failed write or by the deadline */
        assert_true(fixture_outcome(p, 3000, &r));
        assert_int_equal(r.outcome, BUS_UNKNOWN);
        assert_int_equal((*(int *)r.token)++, 0);
    }
    assert_false(fixture_outcome(p, 100, &r));
    assert_int_equal(bus_publish(p, &m, NULL), -ENOTCONN);
    assert_true(nats_server_start(&f->server));
    fixture_wait_connected(f);
    fixture_wait_publisher(p);
    assert_int_equal(bus_publish(p, &m, p), 0);
    assert_true(fixture_outcome(p, 3000, &r));
    assert_int_equal(r.outcome, BUS_STORED);
    bus_publisher_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stored_and_duplicate),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_stream_full),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_sync),
        cmocka_unit_test(test_freed_in_flight),
        cmocka_unit_test(test_server_killed),
        cmocka_unit_test(test_killed_under_load),
        cmocka_unit_test(test_server_stopped),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
