/* Trimming a stream on a real server: what goes, and that its consumers do not notice. */
#include <errno.h>

#include "bus/puller.h"
#include "unit/bus/bus_fixture.h"

static void publish(struct fixture *f, const char *subject, int count)
{
    struct bus_message m = fixture_message(subject, "x");
    struct bus_result r;

    for (int i = 0; i < count; i++)
        assert_int_equal(bus_publish_sync(f->bus, &m, 3 * USEC_PER_SEC, &r), 0);
}

static void assert_stream(struct fixture *f, const char *name, uint64_t first_seq,
                          uint64_t messages)
{
    struct bus_stream_state s;

    assert_int_equal(bus_stream_state_of(f->bus, name, &s, &f->err), 0);
    assert_int_equal(s.first_seq, first_seq);
    assert_int_equal(s.messages, messages);
}

static void test_trim(void **state)
{
    struct fixture *f = *state;
    uint64_t deleted = 99;

    fixture_stream(f, "TRIM", "trim.>", 1 << 20);
    publish(f, "trim.a", 1000);
    assert_int_equal(bus_stream_trim(f->bus, "TRIM", 1, 1, &deleted, &f->err), 0);
    assert_int_equal(deleted, 0);
    assert_int_equal(bus_stream_trim(f->bus, "TRIM", 1, 4, &deleted, &f->err), 0);
    assert_int_equal(deleted, 3);
    assert_stream(f, "TRIM", 4, 997);
    /* Again, as after an answer that got lost; and more than are out at once. */
    assert_int_equal(bus_stream_trim(f->bus, "TRIM", 1, 701, &deleted, &f->err), 0);
    assert_int_equal(deleted, 697);
    assert_stream(f, "TRIM", 701, 300);
    assert_int_equal(bus_stream_trim(f->bus, "TRIM", 1, 701, &deleted, &f->err), -EIO);
    assert_int_equal(deleted, 0);
    assert_int_equal(bus_stream_trim(f->bus, "TRIM", 701, 1001, &deleted, &f->err), 0);
    assert_int_equal(deleted, 300);
    assert_stream(f, "TRIM", 1001, 0);
    assert_int_equal(bus_stream_trim(f->bus, "NONE", 1, 4, &deleted, &f->err), -EIO);
    assert_non_null(strstr(f->err.ptr, "NONE"));
}

static struct bus_delivery *next(struct bus_puller *p)
{
    uint64_t until = clock_mono_usec() + 15 * USEC_PER_SEC;
    struct bus_delivery *d = NULL;

    while (clock_mono_usec() < until)
        if (bus_puller_next(p, USEC_PER_SEC, &d) == 1)
            return d;
    fail_msg("no message within 15 s");
    return NULL;
}

/* What was delivered before and is not acked comes again all the same. */
static void test_consumers_remember(void **state)
{
    const struct bus_consumer_config config = { .stream = "REMEMBER",
                                                .durable = "own",
                                                .ack_wait_usec = USEC_PER_SEC,
                                                .max_ack_pending = 1000 };
    const struct bus_puller_options options = { .stream = "REMEMBER",
                                                .durable = "own",
                                                .batch = 10,
                                                .max_bytes = 1 << 20,
                                                .expires_usec = 200 * USEC_PER_MSEC };
    struct fixture *f = *state;
    struct bus_consumer_state consumer;
    struct bus_puller *p = NULL;
    uint64_t deleted;
    unsigned again = 0;

    fixture_stream(f, "REMEMBER", "remember.>", 1 << 20);
    assert_int_equal(bus_consumer_ensure(f->bus, &config, &f->err), 0);
    publish(f, "remember.a", 8);
    assert_int_equal(bus_puller_new(f->bus, &options, &p, &f->err), 0);
    for (int i = 1; i <= 8; i++) {
        struct bus_delivery *d = next(p);

        assert_int_equal(d->deliveries, 1);
        if (i <= 4 || i == 6) /* 5, 7 and 8 stay open */
            assert_int_equal(bus_ack(f->bus, d, BUS_ACK), 0);
        bus_delivery_free(d);
    }
    assert_int_equal(bus_ping(f->bus, 3 * USEC_PER_SEC), 0);
    assert_int_equal(bus_stream_trim(f->bus, "REMEMBER", 1, 5, &deleted, &f->err), 0);
    assert_int_equal(deleted, 4);
    assert_int_equal(bus_consumer_state_of(f->bus, "REMEMBER", "own", &consumer, &f->err), 0);
    assert_int_equal(consumer.ack_pending, 3);
    assert_int_equal(consumer.ack_floor_seq, 4);
    for (int i = 0; i < 3; i++) {
        struct bus_delivery *d = next(p);

        assert_true(d->deliveries > 1);
        again |= 1U << d->seq;
        assert_int_equal(bus_ack(f->bus, d, BUS_ACK), 0);
        bus_delivery_free(d);
    }
    assert_int_equal(again, 1U << 5 | 1U << 7 | 1U << 8);
    bus_puller_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_consumers_remember),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
