/* Pulling against a real server, its faults included. */
#include "bus/puller.h"

#include <errno.h>

#include "base/number.h"
#include "unit/bus/bus_fixture.h"

static void make_consumer(struct fixture *f, const char *stream, uint64_t ack_wait_usec)
{
    struct bus_consumer_config config = { .stream = stream,
                                          .durable = "worker",
                                          .ack_wait_usec = ack_wait_usec,
                                          .max_ack_pending = 100000 };

    if (bus_consumer_ensure(f->bus, &config, &f->err) < 0)
        fail_msg("%s", f->err.ptr);
}

static struct bus_puller *make(struct fixture *f, const char *stream, uint32_t batch,
                               uint64_t max_bytes)
{
    struct bus_puller_options options = { .stream = stream,
                                          .durable = "worker",
                                          .batch = batch,
                                          .max_bytes = max_bytes,
                                          .expires_usec = 200 * USEC_PER_MSEC };
    struct bus_puller *p = NULL;

    assert_int_equal(bus_puller_new(f->bus, &options, &p, &f->err), 0);
    return p;
}

static struct bus_delivery *expect_delivery(struct bus_puller *p)
{
    struct bus_delivery *d = NULL;

    assert_int_equal(bus_puller_next(p, 8 * USEC_PER_SEC, &d), 1);
    return d;
}

static void expect_number(struct bus_delivery *d, uint64_t i)
{
    uint64_t n;

    assert_int_equal(parse_u64(d->payload, &n), 0);
    assert_int_equal(n, i);
}

static void expect_numbers(struct fixture *f, struct bus_puller *p, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        struct bus_delivery *d = expect_delivery(p);

        expect_number(d, i);
        assert_int_equal(d->seq, i + 1);
        assert_int_equal(d->deliveries, 1);
        assert_int_equal(bus_ack(f->bus, d, BUS_ACK), 0);
        bus_delivery_free(d);
    }
}

static void expect_nothing(struct bus_puller *p)
{
    struct bus_delivery *d = NULL;

    assert_int_equal(bus_puller_next(p, 300 * USEC_PER_MSEC, &d), 0);
    assert_null(d);
}

/* Every window size must bring every message once and in order. */
static void test_all_in_order(void **state)
{
    static const struct {
        const char *stream, *subject;
        uint32_t batch;
        uint64_t max_bytes;
    } cases[] = {
        { "ORDER1", "order1.a", 1, 1 << 20 },
        { "ORDER2", "order2.a", 7, 0 },
        { "ORDER3", "order3.a", 100, 1 << 20 },
        { "ORDER4", "order4.a", 100, 400 }, /* every request is cut short by its bytes */
        { "ORDER5", "order5.a", 100, 8 },   /* no message fits */
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t count = cases[i].max_bytes == 8 ? 100 : 1000;
        struct bus_puller *p;

        fixture_stream(f, cases[i].stream, cases[i].subject, 1 << 22);
        make_consumer(f, cases[i].stream, 30 * USEC_PER_SEC);
        p = make(f, cases[i].stream, cases[i].batch, cases[i].max_bytes);
        fixture_numbers(f, cases[i].subject, 0, count);
        expect_numbers(f, p, 0, count);
        expect_nothing(p);
        bus_puller_free(p);
    }
}

static void test_delivery_fields(void **state)
{
    struct fixture *f = *state;
    struct bus_header headers[] = { { "Event-Count", SPAN("7") },
                                    { "Evil", SPAN("a\r\nInjected: b") } };
    struct bus_message m = { .subject = "fields.a",
                             .payload = SPAN("x"),
                             .msg_id = "m",
                             .headers = headers,
                             .header_count = 2 };
    int64_t before = clock_wall_nsec();
    struct bus_puller *p;
    struct bus_delivery *d;
    struct bus_result r;

    fixture_stream(f, "FIELDS", "fields.>", 1 << 20);
    make_consumer(f, "FIELDS", 30 * USEC_PER_SEC);
    assert_int_equal(bus_publish_sync(f->bus, &m, USEC_PER_SEC, &r), 0);
    m.msg_id = "n";
    assert_int_equal(bus_publish_sync(f->bus, &m, USEC_PER_SEC, &r), 0);
    p = make(f, "FIELDS", 10, 1 << 20);
    d = expect_delivery(p);
    assert_string_equal(d->subject, "fields.a");
    assert_int_equal(d->pending, 1);
    assert_true(d->stored_nsec >= before && d->stored_nsec <= clock_wall_nsec());
    assert_string_equal(bus_delivery_header(d, "Event-Count"), "7");
    assert_string_equal(bus_delivery_header(d, "Evil"), "a  Injected: b");
    assert_null(bus_delivery_header(d, "Injected"));
    bus_delivery_free(d);
    bus_puller_free(p);
}

static void test_redelivery(void **state)
{
    struct fixture *f = *state;
    struct bus_consumer_state cs;
    struct bus_puller *p;
    struct bus_delivery *d;

    fixture_stream(f, "AGAIN", "again.>", 1 << 20);
    make_consumer(f, "AGAIN", USEC_PER_SEC);
    fixture_numbers(f, "again.a", 0, 2);
    p = make(f, "AGAIN", 10, 1 << 20);
    bus_delivery_free(expect_delivery(p)); /* 0 is not acked */
    d = expect_delivery(p);
    assert_int_equal(bus_ack(f->bus, d, BUS_NAK), 0);
    bus_delivery_free(d);
    d = expect_delivery(p);
    expect_number(d, 1);
    assert_int_equal(d->deliveries, 2);
    assert_int_equal(bus_ack(f->bus, d, BUS_ACK), 0);
    bus_delivery_free(d);
    d = expect_delivery(p);
    expect_number(d, 0);
    assert_int_equal(d->deliveries, 2);
    assert_int_equal(bus_ack(f->bus, d, BUS_ACK), 0);
    bus_delivery_free(d);
    assert_int_equal(bus_ping(f->bus, USEC_PER_SEC), 0);
    assert_int_equal(bus_consumer_state_of(f->bus, "AGAIN", "worker", &cs, &f->err), 0);
    assert_int_equal(cs.ack_pending, 0);
    assert_int_equal(cs.ack_floor_seq, 2);
    bus_puller_free(p);
}

static void test_stop(void **state)
{
    struct fixture *f = *state;
    struct bus_delivery *d = NULL;
    struct bus_puller *p;
    uint64_t begin;

    fixture_stream(f, "STOP", "stop.>", 1 << 20);
    make_consumer(f, "STOP", 30 * USEC_PER_SEC);
    fixture_numbers(f, "stop.a", 0, 20);
    p = make(f, "STOP", 10, 1 << 20);
    expect_numbers(f, p, 0, 1);
    bus_puller_stop(p);
    expect_numbers(f, p, 1, 10); /* what was asked for still comes */
    begin = clock_mono_usec();
    assert_int_equal(bus_puller_next(p, 10 * USEC_PER_SEC, &d), 0); /* and nothing else */
    assert_true(clock_mono_usec() - begin < 5 * USEC_PER_SEC);
    bus_puller_free(p);
}

static void delete_consumer(struct fixture *f, const char *stream)
{
    struct bus_message m = { .payload = SPAN_NONE };
    char subject[96];
    struct bus_result r;

    /* Any request goes through publish_sync; the API's answer is no PubAck. */
    (void)snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.DELETE.%s.worker", stream);
    m.subject = subject;
    assert_int_equal(bus_publish_sync(f->bus, &m, USEC_PER_SEC, &r), -ETIMEDOUT);
    assert_int_equal(r.outcome, BUS_UNKNOWN);
}

static int next_result(struct bus_puller *p)
{
    uint64_t until = clock_mono_usec() + 5 * USEC_PER_SEC;
    struct bus_delivery *d = NULL;
    int r = 0;

    while (r == 0 && clock_mono_usec() < until)
        r = bus_puller_next(p, 200 * USEC_PER_MSEC, &d);
    bus_delivery_free(d);
    return r;
}

static void test_consumer_deleted(void **state)
{
    struct fixture *f = *state;
    struct bus_puller *p;

    fixture_stream(f, "GONE", "gone.>", 1 << 20);
    make_consumer(f, "GONE", 30 * USEC_PER_SEC);
    p = make(f, "GONE", 10, 1 << 20);
    expect_nothing(p);
    delete_consumer(f, "GONE");
    assert_int_equal(next_result(p), -ENOENT);
    assert_int_equal(next_result(p), -ENOENT); /* and again, until it is made */
    make_consumer(f, "GONE", 30 * USEC_PER_SEC);
    fixture_numbers(f, "gone.a", 0, 3);
    expect_numbers(f, p, 0, 3);
    bus_puller_free(p);
}

static void test_server_restart(void **state)
{
    struct fixture *f = *state;
    struct bus_puller *p;
    struct bus_delivery *d = NULL;
    bool seen[2000] = { false };
    uint64_t n, distinct = 0, until;
    int r;

    fixture_stream(f, "RESTART", "restart.>", 1 << 22);
    make_consumer(f, "RESTART", 2 * USEC_PER_SEC);
    fixture_numbers(f, "restart.a", 0, 2000);
    p = make(f, "RESTART", 100, 1 << 20);
    expect_numbers(f, p, 0, 500);
    nats_server_kill(&f->server);
    do {
        r = bus_puller_next(p, 100 * USEC_PER_MSEC, &d);
        d = bus_delivery_free(d);
    } while (r >= 0);
    assert_int_equal(r, -ENOTCONN);
    assert_true(nats_server_start(&f->server));
    /* Acks of the last moments may be lost with the server: each message at least once is the
     * promise. */
    until = clock_mono_usec() + 20 * USEC_PER_SEC;
    while (distinct < 1500 && clock_mono_usec() < until) {
        r = bus_puller_next(p, USEC_PER_SEC, &d);
        assert_true(r == 0 || r == 1 || r == -ENOTCONN);
        if (r != 1)
            continue;
        assert_int_equal(parse_u64(d->payload, &n), 0);
        if (n >= 500 && !seen[n])
            distinct++;
        seen[n] = true;
        (void)bus_ack(f->bus, d, BUS_ACK);
        d = bus_delivery_free(d);
    }
    assert_int_equal(distinct, 1500);
    bus_puller_free(p);
}

static void test_server_paused(void **state)
{
    struct fixture *f = *state;
    struct bus_puller *p;
    struct bus_delivery *d = NULL;
    uint64_t begin;

    fixture_stream(f, "PAUSED", "paused.>", 1 << 20);
    make_consumer(f, "PAUSED", 30 * USEC_PER_SEC);
    p = make(f, "PAUSED", 10, 1 << 20);
    expect_nothing(p);
    nats_server_pause(&f->server);
    begin = clock_mono_usec();
    while (clock_mono_usec() < begin + 2 * USEC_PER_SEC)
        assert_int_equal(bus_puller_next(p, 100 * USEC_PER_MSEC, &d), 0);
    nats_server_resume(&f->server);
    fixture_numbers(f, "paused.a", 0, 30);
    expect_numbers(f, p, 0, 30);
    bus_puller_free(p);
}

static void test_ensure_is_idempotent(void **state)
{
    struct fixture *f = *state;
    struct bus_consumer_state cs;

    fixture_stream(f, "IDEM", "idem.>", 1 << 20);
    make_consumer(f, "IDEM", 30 * USEC_PER_SEC);
    fixture_numbers(f, "idem.a", 0, 3);
    make_consumer(f, "IDEM", 30 * USEC_PER_SEC);
    make_consumer(f, "IDEM", 20 * USEC_PER_SEC); /* an update */
    assert_int_equal(bus_consumer_state_of(f->bus, "IDEM", "worker", &cs, &f->err), 0);
    assert_int_equal(cs.pending, 3);
    assert_int_equal(bus_consumer_state_of(f->bus, "IDEM", "other", &cs, &f->err), -ENOENT);
    assert_int_equal(bus_consumer_state_of(f->bus, "NOWHERE", "x", &cs, &f->err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_in_order),     cmocka_unit_test(test_delivery_fields),
        cmocka_unit_test(test_redelivery),       cmocka_unit_test(test_stop),
        cmocka_unit_test(test_consumer_deleted), cmocka_unit_test(test_ensure_is_idempotent),
        cmocka_unit_test(test_server_paused),    cmocka_unit_test(test_server_restart),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
