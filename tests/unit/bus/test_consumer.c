/* What the consumers of a stream say together, and where a time begins in it, on a real server. */
#include <errno.h>

#include "bus/puller.h"
#include "unit/bus/bus_fixture.h"

static int64_t publish(struct fixture *f, const char *subject)
{
    struct bus_message m = fixture_message(subject, "x");
    struct bus_result r;

    assert_int_equal(bus_publish_sync(f->bus, &m, 3 * USEC_PER_SEC, &r), 0);
    return clock_wall_nsec();
}

static void consumer(struct fixture *f, const char *stream, const char *durable)
{
    const struct bus_consumer_config config = { .stream = stream,
                                                .durable = durable,
                                                .ack_wait_usec = 30 * USEC_PER_SEC,
                                                .max_ack_pending = 1000 };

    assert_int_equal(bus_consumer_ensure(f->bus, &config, &f->err), 0);
}

/* Takes `count` messages and acks those whose place, from 1, has its bit set. */
static void take(struct fixture *f, const char *stream, const char *durable, int count,
                 unsigned acked)
{
    const struct bus_puller_options options = { .stream = stream,
                                                .durable = durable,
                                                .batch = 10,
                                                .max_bytes = 1 << 20,
                                                .expires_usec = 200 * USEC_PER_MSEC };
    uint64_t until = clock_mono_usec() + 15 * USEC_PER_SEC;
    struct bus_puller *p = NULL;

    assert_int_equal(bus_puller_new(f->bus, &options, &p, &f->err), 0);
    for (int i = 1; i <= count && clock_mono_usec() < until;) {
        struct bus_delivery *d = NULL;

        if (bus_puller_next(p, USEC_PER_SEC, &d) != 1)
            continue;
        if (acked & (1U << i))
            assert_int_equal(bus_ack(f->bus, d, BUS_ACK), 0);
        bus_delivery_free(d);
        i++;
    }
    bus_puller_free(p);
    assert_int_equal(bus_ping(f->bus, 3 * USEC_PER_SEC), 0); /* the acks are there */
}

static void assert_floor(struct fixture *f, const char *stream, const char *durable, uint64_t seq,
                         const char *behind)
{
    uint64_t until = clock_mono_usec() + 10 * USEC_PER_SEC;
    struct bus_floor floor = { 0 };

    do
        assert_int_equal(bus_stream_floor(f->bus, stream, durable, &floor, &f->err), 0);
    while (floor.seq != seq && clock_mono_usec() < until);
    assert_int_equal(floor.seq, seq);
    if (behind)
        assert_string_equal(floor.consumer, behind);
}

static void test_floor(void **state)
{
    struct fixture *f = *state;
    struct bus_floor floor;
    uint64_t deleted;

    assert_int_equal(bus_stream_floor(f->bus, "NONE", "own", &floor, &f->err), -ENOENT);
    fixture_stream(f, "FLOOR", "floor.>", 1 << 20);
    assert_int_equal(bus_stream_floor(f->bus, "FLOOR", "own", &floor, &f->err), -ENOENT);
    consumer(f, "FLOOR", "other");
    assert_int_equal(bus_stream_floor(f->bus, "FLOOR", "own", &floor, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.ptr, "own"));
    consumer(f, "FLOOR", "own");
    for (int i = 0; i < 10; i++)
        (void)publish(f, "floor.a");
    assert_floor(f, "FLOOR", "own", 0, NULL);
    take(f, "FLOOR", "own", 6, 0x7e); /* all six */
    assert_floor(f, "FLOOR", "own", 0, "other");
    take(f, "FLOOR", "other", 5, 0x36); /* 1, 2, 4, 5 */
    assert_floor(f, "FLOOR", "own", 2, "other");
    /* A trim moves no floor. */
    assert_int_equal(bus_stream_trim(f->bus, "FLOOR", 1, 3, &deleted, &f->err), 0);
    assert_floor(f, "FLOOR", "own", 2, "other");
}

/* Waits for it: times are cut to seconds. */
static int64_t next_second(int64_t nsec)
{
    int64_t second = (nsec / NSEC_PER_SEC + 1) * NSEC_PER_SEC;

    while (clock_wall_nsec() < second)
        (void)poll(NULL, 0, 5);
    return second + NSEC_PER_SEC / 50; /* a fraction with a leading zero */
}

static void test_seq_since(void **state)
{
    struct fixture *f = *state;
    int64_t after_three = 0, last = 0;
    uint64_t seq = 0, deleted;

    fixture_stream(f, "SINCE", "since.>", 1 << 20);
    assert_int_equal(bus_stream_seq_since(f->bus, "SINCE", 1, &seq, &f->err), 0);
    assert_int_equal(seq, 1);
    for (int i = 0; i < 3; i++)
        after_three = publish(f, "since.a");
    after_three = next_second(after_three);
    for (int i = 0; i < 3; i++)
        last = publish(f, "since.a");
    assert_int_equal(bus_stream_seq_since(f->bus, "SINCE", after_three, &seq, &f->err), 0);
    assert_int_equal(seq, 4);
    assert_int_equal(bus_stream_seq_since(f->bus, "SINCE", 1, &seq, &f->err), 0);
    assert_int_equal(seq, 1);
    assert_int_equal(bus_stream_seq_since(f->bus, "SINCE", next_second(last), &seq, &f->err), 0);
    assert_int_equal(seq, 7);
    assert_int_equal(bus_stream_trim(f->bus, "SINCE", 1, 5, &deleted, &f->err), 0);
    assert_int_equal(bus_stream_seq_since(f->bus, "SINCE", after_three, &seq, &f->err), 0);
    assert_int_equal(seq, 5);
    assert_int_equal(bus_stream_trim(f->bus, "SINCE", 5, 7, &deleted, &f->err), 0);
    assert_int_equal(bus_stream_seq_since(f->bus, "SINCE", after_three, &seq, &f->err), 0);
    assert_int_equal(seq, 7);
    assert_int_equal(bus_stream_seq_since(f->bus, "NONE", 1, &seq, &f->err), -ENOENT);
    /* It leaves nothing behind that would hold the stream. */
    consumer(f, "SINCE", "own");
    (void)publish(f, "since.a");
    take(f, "SINCE", "own", 1, 0x2);
    assert_floor(f, "SINCE", "own", 7, "own");
}

static void test_first_time(void **state)
{
    struct bus_stream_state s;
    struct fixture *f = *state;
    int64_t before = clock_wall_nsec(), after;
    uint64_t deleted;

    fixture_stream(f, "FIRST", "first.>", 1 << 20);
    assert_int_equal(bus_stream_state_of(f->bus, "FIRST", &s, &f->err), 0);
    assert_int_equal(s.first_nsec, 0);
    after = publish(f, "first.a");
    assert_int_equal(bus_stream_state_of(f->bus, "FIRST", &s, &f->err), 0);
    assert_true(s.first_nsec >= before && s.first_nsec <= after);
    assert_int_equal(bus_stream_trim(f->bus, "FIRST", 1, 2, &deleted, &f->err), 0);
    assert_int_equal(bus_stream_state_of(f->bus, "FIRST", &s, &f->err), 0);
    assert_int_equal(s.first_nsec, 0);
    assert_int_equal(s.first_seq, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_seq_since),
        cmocka_unit_test(test_first_time),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
