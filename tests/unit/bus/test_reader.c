/* Reading what a stream has stored, with a real server, its faults included. */
#include "bus/reader.h"

#include <errno.h>

#include "base/number.h"
#include "bus/connection.h"
#include "unit/bus/bus_fixture.h"

static struct bus_reader *make(struct fixture *f, const struct bus_reader_options *options)
{
    struct bus_reader *r = NULL;

    if (bus_reader_open(f->bus, options, &r, &f->err) < 0)
        fail_msg("%s", f->err.ptr);
    return r;
}

static struct bus_delivery *expect_next(struct fixture *f, struct bus_reader *r)
{
    struct bus_delivery *d = NULL;

    if (bus_reader_next(r, &d, &f->err) != 1)
        fail_msg("nothing came: %s", f->err.ptr);
    return d;
}

/* Message i of a stream has sequence i + 1. */
static void expect_number(struct fixture *f, struct bus_reader *r, uint64_t i)
{
    struct bus_delivery *d = expect_next(f, r);
    uint64_t n;

    assert_int_equal(parse_u64(d->payload, &n), 0);
    assert_int_equal(n, i);
    assert_int_equal(d->seq, i + 1);
    bus_delivery_free(d);
}

static void expect_numbers(struct fixture *f, struct bus_reader *r, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        expect_number(f, r, i);
}

static void expect_end(struct fixture *f, struct bus_reader *r)
{
    struct bus_delivery *d = NULL;

    for (int i = 0; i < 2; i++)
        assert_int_equal(bus_reader_next(r, &d, &f->err), 0);
    assert_null(d);
    bus_reader_free(r);
}

/* What stands in the stream is 0 to 999, seq 1 to 1000. */
static void test_ranges(void **state)
{
    static const struct {
        uint64_t start_seq, end_seq, from, to;
    } cases[] = {
        { 0, 0, 0, 1000 },  { 1, 1000, 0, 1000 },   { 1, 5000, 0, 1000 },     { 400, 0, 399, 1000 },
        { 0, 400, 0, 400 }, { 400, 400, 399, 400 }, { 1001, 0, 0, 0 },        { 5000, 5001, 0, 0 },
        { 500, 400, 0, 0 }, { 1000, 0, 999, 1000 }, { 999, 1000, 998, 1000 },
    };
    struct fixture *f = *state;

    fixture_stream(f, "RANGES", "ranges.>", 1 << 20);
    fixture_numbers(f, "ranges.a", 0, 1000);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bus_reader_options options = { .stream = "RANGES",
                                              .start_seq = cases[i].start_seq,
                                              .end_seq = cases[i].end_seq };
        struct bus_reader *r = make(f, &options);

        print_message("case %zu\n", i);
        expect_numbers(f, r, cases[i].from, cases[i].to);
        expect_end(f, r);
    }
}

static void test_empty_and_missing(void **state)
{
    struct fixture *f = *state;
    struct bus_reader_options options = { .stream = "EMPTY" };
    struct bus_reader *r = NULL;

    assert_int_equal(bus_reader_open(f->bus, &options, &r, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.ptr, "EMPTY"));
    fixture_stream(f, "EMPTY", "empty.>", 1 << 20);
    r = make(f, &options);
    assert_int_equal(bus_reader_total(r), 0);
    expect_end(f, r);
}

/* A deleted range at the end must not make a reading wait for it. */
static void test_gaps(void **state)
{
    struct bus_reader_options options = { .stream = "GAPS" };
    struct fixture *f = *state;
    struct bus_reader *r;

    fixture_stream(f, "GAPS", "gaps.>", 1 << 20);
    fixture_numbers(f, "gaps.a", 0, 10);
    for (uint64_t seq = 4; seq <= 6; seq++)
        assert_int_equal(bus_stored_delete(f->bus, "GAPS", seq, &f->err), 0);
    r = make(f, &options);
    assert_int_equal(bus_reader_total(r), 7);
    expect_numbers(f, r, 0, 3);
    /* deleted while it is read */
    assert_int_equal(bus_stored_delete(f->bus, "GAPS", 10, &f->err), 0);
    assert_int_equal(bus_stored_delete(f->bus, "GAPS", 9, &f->err), 0);
    expect_numbers(f, r, 6, 8);
    bus_reader_free(r);
    r = make(f, &options);
    expect_numbers(f, r, 0, 3);
    expect_numbers(f, r, 6, 8);
    expect_end(f, r);
}

/* Also at times whose fraction begins with zeros, which the library writes wrongly. */
static void test_start_time(void **state)
{
    struct fixture *f = *state;
    struct bus_reader_options options = { .stream = "TIMES" };
    struct bus_reader *r;
    int64_t times[6];

    fixture_stream(f, "TIMES", "times.>", 1 << 20);
    for (uint64_t i = 0; i < ARRAY_SIZE(times); i++) {
        int64_t fraction = (int64_t)i * 20 * 1000 * 1000;

        while (clock_wall_nsec() % NSEC_PER_SEC < fraction ||
               clock_wall_nsec() % NSEC_PER_SEC > fraction + NSEC_PER_SEC / 2)
            (void)usleep(1000);
        times[i] = clock_wall_nsec();
        fixture_numbers(f, "times.a", i, i + 1);
    }
    for (uint64_t i = 0; i < ARRAY_SIZE(times); i++) {
        options.start_nsec = times[i];
        r = make(f, &options);
        expect_numbers(f, r, i, ARRAY_SIZE(times));
        expect_end(f, r);
    }
    options.start_nsec = 1;
    r = make(f, &options);
    expect_numbers(f, r, 0, ARRAY_SIZE(times));
    expect_end(f, r);
    options.start_nsec = clock_wall_nsec() + 3600 * NSEC_PER_SEC;
    expect_end(f, make(f, &options));
}

static void test_filter(void **state)
{
    struct bus_reader_options options = { .stream = "FILTER", .filter_subject = "filter.*.b" };
    struct fixture *f = *state;
    struct bus_reader *r;

    fixture_stream(f, "FILTER", "filter.>", 1 << 20);
    fixture_numbers(f, "filter.x.a", 0, 5);
    fixture_numbers(f, "filter.x.b", 5, 10);
    fixture_numbers(f, "filter.y.b", 10, 15);
    fixture_numbers(f, "filter.y.a", 15, 20);
    r = make(f, &options);
    assert_int_equal(bus_reader_total(r), 10);
    assert_int_equal(bus_reader_end_seq(r), 20);
    expect_numbers(f, r, 5, 15);
    expect_end(f, r);
    options.filter_subject = "filter.z.b";
    expect_end(f, make(f, &options));
}

/* The end is where it was when the reading began. */
static void test_growing_stream(void **state)
{
    struct bus_reader_options options = { .stream = "GROWS", .headers_only = false };
    struct fixture *f = *state;
    struct bus_reader *r;

    fixture_stream(f, "GROWS", "grows.>", 1 << 22);
    fixture_numbers(f, "grows.a", 0, 100);
    r = make(f, &options);
    fixture_numbers(f, "grows.a", 100, 3000);
    assert_int_equal(bus_reader_end_seq(r), 100);
    expect_numbers(f, r, 0, 100);
    expect_end(f, r);
}

/* Messages are on their way when the reader goes: the library must not meet a freed one. */
static void test_left_in_the_middle(void **state)
{
    struct bus_reader_options options = { .stream = "LEFT", .headers_only = true };
    struct fixture *f = *state;

    fixture_stream(f, "LEFT", "left.>", 1 << 22);
    fixture_numbers(f, "left.a", 0, 3000);
    for (int i = 0; i < 300; i++) {
        struct bus_reader *r = make(f, &options);
        struct bus_delivery *d = expect_next(f, r);

        assert_int_equal(d->seq, 1);
        bus_delivery_free(d);
        bus_reader_free(r);
    }
}

static void store(struct fixture *f, const char *subject, struct span payload, const char *value)
{
    struct bus_header header = { "Some-Header", span_str(value) };
    struct bus_message m = {
        .subject = subject, .payload = payload, .headers = &header, .header_count = 1
    };
    struct bus_result result;

    assert_int_equal(bus_publish_sync(f->bus, &m, 5 * USEC_PER_SEC, &result), 0);
}

static void test_fields(void **state)
{
    struct bus_reader_options options = { .stream = "FIELDS" };
    struct fixture *f = *state;
    int64_t before = clock_wall_nsec();
    struct bus_delivery *got = NULL;

    fixture_stream(f, "FIELDS", "fields.>", 1 << 20);
    store(f, "fields.a", SPAN("a\0b"), "x");
    assert_int_equal(bus_stored_get(f->bus, "FIELDS", 1, &got, &f->err), 0);
    for (int headers_only = 0; headers_only < 2; headers_only++) {
        struct bus_reader *r;
        struct bus_delivery *d;

        options.headers_only = headers_only;
        r = make(f, &options);
        d = expect_next(f, r);
        assert_string_equal(d->subject, "fields.a");
        assert_string_equal(bus_delivery_header(d, "Some-Header"), "x");
        assert_true(d->stored_nsec >= before && d->stored_nsec <= clock_wall_nsec());
        assert_int_equal(d->stored_nsec, got->stored_nsec);
        assert_int_equal(bus_delivery_bytes(d), 3);
        assert_true(span_eq(d->payload, headers_only ? SPAN_NONE : SPAN("a\0b")));
        bus_delivery_free(d);
        expect_end(f, r);
    }
    bus_delivery_free(got);
}

static void test_single_messages(void **state)
{
    struct fixture *f = *state;
    struct bus_delivery *d = NULL;

    fixture_stream(f, "SINGLE", "single.>", 1 << 20);
    store(f, "single.a", SPAN("one"), "x");
    store(f, "single.a", SPAN("two"), "y\r\nz: 1");
    assert_int_equal(bus_stored_get(f->bus, "SINGLE", 2, &d, &f->err), 0);
    assert_int_equal(d->seq, 2);
    assert_true(d->stored_nsec > 0 && d->stored_nsec <= clock_wall_nsec());
    assert_string_equal(d->subject, "single.a");
    assert_true(span_eq(d->payload, SPAN("two")));
    assert_string_equal(bus_delivery_header(d, "Some-Header"), "y  z: 1");
    assert_null(bus_delivery_header(d, "Other"));
    bus_delivery_free(d);
    assert_int_equal(bus_stored_delete(f->bus, "SINGLE", 2, &f->err), 0);
    d = NULL;
    assert_int_equal(bus_stored_get(f->bus, "SINGLE", 2, &d, &f->err), -ENOENT);
    assert_int_equal(bus_stored_get(f->bus, "SINGLE", 7, &d, &f->err), -ENOENT);
    assert_int_equal(bus_stored_get(f->bus, "NOWHERE", 7, &d, &f->err), -ENOENT);
    assert_null(d);
    assert_int_equal(bus_stored_delete(f->bus, "SINGLE", 2, &f->err), -ENOENT);
    assert_int_equal(bus_stored_delete(f->bus, "SINGLE", 7, &f->err), -ENOENT);
    assert_int_equal(bus_stored_delete(f->bus, "NOWHERE", 7, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.ptr, "message 7 of NOWHERE"));
}

/* Messages larger than what a request may bring at once. */
static void test_large_messages(void **state)
{
    _cleanup_free_ char *bytes = calloc(1, 900 * 1024);
    struct bus_reader_options options = { .stream = "LARGE" };
    struct fixture *f = *state;
    struct bus_reader *r;

    fixture_stream(f, "LARGE", "large.>", 1 << 26);
    for (int i = 0; i < 30; i++)
        store(f, "large.a", span_of(bytes, 900 * 1024), "x");
    r = make(f, &options);
    for (uint64_t i = 0; i < 30; i++) {
        struct bus_delivery *d = expect_next(f, r);

        assert_int_equal(d->seq, i + 1);
        assert_int_equal(d->payload.len, 900 * 1024);
        bus_delivery_free(d);
    }
    expect_end(f, r);
}

/* Takes a message of the reader's consumer away, as a connection does that is lost at the wrong
 * moment. */
static void steal(struct fixture *f, const char *stream)
{
    jsConsumerNamesList *names = NULL;
    struct bus_message m = { .payload = SPAN("1") };
    struct bus_result answer;
    char subject[128];

    assert_int_equal(js_ConsumerNames(&names, f->bus->js, stream, NULL, NULL), NATS_OK);
    assert_int_equal(names->Count, 1);
    (void)snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.MSG.NEXT.%s.%s", stream,
                   names->List[0]);
    jsConsumerNamesList_Destroy(names);
    m.subject = subject;
    /* The answer is the message and no PubAck. */
    assert_int_equal(bus_publish_sync(f->bus, &m, 5 * USEC_PER_SEC, &answer), -ETIMEDOUT);
}

static void test_lost_messages(void **state)
{
    struct bus_reader_options options = { .stream = "LOST" };
    struct fixture *f = *state;
    struct bus_reader *r;

    fixture_stream(f, "LOST", "lost.>", 1 << 20);
    for (uint64_t count = 1; count <= 3; count++) { /* the first of them: also the last */
        fixture_numbers(f, "lost.a", count - 1, count);
        r = make(f, &options);
        steal(f, "LOST");
        expect_numbers(f, r, 0, count);
        expect_end(f, r);
    }
}

/* What was on its way when the server died is read again; nothing is given out twice. */
static void test_server_restart(void **state)
{
    struct bus_reader_options options = { .stream = "RESTART", .patience_usec = 60 * USEC_PER_SEC };
    struct fixture *f = *state;
    struct bus_reader *r;

    fixture_stream(f, "RESTART", "restart.>", 1 << 22);
    fixture_numbers(f, "restart.a", 0, 20000);
    r = make(f, &options);
    expect_numbers(f, r, 0, 100);
    nats_server_kill(&f->server);
    assert_true(nats_server_start(&f->server));
    expect_numbers(f, r, 100, 20000);
    expect_end(f, r);
}

static void test_server_away(void **state)
{
    struct bus_reader_options options = { .stream = "AWAY", .patience_usec = USEC_PER_SEC };
    struct fixture *f = *state;
    struct bus_delivery *d = NULL;
    struct bus_reader *r;
    int result;

    fixture_stream(f, "AWAY", "away.>", 1 << 22);
    fixture_numbers(f, "away.a", 0, 5000);
    r = make(f, &options);
    expect_number(f, r, 0);
    nats_server_kill(&f->server);
    /* What had come already is given out. */
    while ((result = bus_reader_next(r, &d, &f->err)) == 1)
        d = bus_delivery_free(d);
    assert_int_equal(result, -ENOTCONN);
    assert_non_null(strstr(f->err.ptr, "connection to NATS is lost"));
    bus_reader_free(r);
    r = NULL;
    assert_int_equal(bus_reader_open(f->bus, &options, &r, &f->err), -ENOTCONN);
    assert_null(r);
    assert_true(nats_server_start(&f->server));
    fixture_wait_connected(f);
}

/* The consumer disappears under the reader, as after INACTIVE_USEC of a slow owner. */
static void test_stream_deleted(void **state)
{
    struct bus_reader_options options = { .stream = "DELETED" };
    struct bus_message m = { .subject = "$JS.API.STREAM.DELETE.DELETED" };
    struct fixture *f = *state;
    struct bus_delivery *d = NULL;
    struct bus_result answer;
    struct bus_reader *r;
    int result;

    fixture_stream(f, "DELETED", "deleted.>", 1 << 22);
    fixture_numbers(f, "deleted.a", 0, 5000);
    r = make(f, &options);
    expect_number(f, r, 0);
    assert_int_equal(bus_publish_sync(f->bus, &m, 5 * USEC_PER_SEC, &answer), -ETIMEDOUT);
    while ((result = bus_reader_next(r, &d, &f->err)) == 1)
        d = bus_delivery_free(d);
    assert_int_equal(result, -ENOENT);
    bus_reader_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_empty_and_missing),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_start_time),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_growing_stream),
        cmocka_unit_test(test_left_in_the_middle),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_single_messages),
        cmocka_unit_test(test_large_messages),
        cmocka_unit_test(test_lost_messages),
        cmocka_unit_test(test_stream_deleted),
        cmocka_unit_test(test_server_restart),
        cmocka_unit_test(test_server_away),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
