/* When a stream took a message, asked of a real server. */
#include <errno.h>

#include "unit/bus/bus_fixture.h"

static void publish(struct fixture *f, const char *subject)
{
    struct bus_message m = fixture_message(subject, "{\"time\":\"1999-01-01T00:00:00Z\"}");
    struct bus_result r;

    assert_int_equal(bus_publish_sync(f->bus, &m, 3 * USEC_PER_SEC, &r), 0);
}

static int64_t time_from(struct fixture *f, const char *stream, uint64_t seq)
{
    int64_t usec = 0;

    assert_int_equal(bus_stream_time_from(f->bus, stream, seq, &usec, &f->err), 1);
    return usec;
}

static void test_first_at_or_above(void **state)
{
    struct fixture *f = *state;
    int64_t begin = clock_wall_usec(), middle, end, usec = 77;
    uint64_t deleted;

    fixture_stream(f, "TIMES", "times.>", 1 << 20);
    assert_int_equal(bus_stream_time_from(f->bus, "TIMES", 1, &usec, &f->err), 0);
    publish(f, "times.a");
    publish(f, "times.b");
    middle = clock_wall_usec();
    publish(f, "times.c");
    end = clock_wall_usec();
    assert_in_range(time_from(f, "TIMES", 0), begin, middle);
    assert_in_range(time_from(f, "TIMES", 1), begin, time_from(f, "TIMES", 2));
    assert_in_range(time_from(f, "TIMES", 2), begin, middle);
    assert_in_range(time_from(f, "TIMES", 3), middle, end);
    assert_int_equal(bus_stream_time_from(f->bus, "TIMES", 4, &usec, &f->err), 0);
    assert_int_equal(usec, 77);
    /* What is deleted is passed over, at the beginning and between others. */
    assert_int_equal(bus_stream_trim(f->bus, "TIMES", 2, 3, &deleted, &f->err), 0);
    assert_in_range(time_from(f, "TIMES", 2), middle, end);
    assert_in_range(time_from(f, "TIMES", 1), begin, middle);
    assert_int_equal(bus_stream_trim(f->bus, "TIMES", 1, 4, &deleted, &f->err), 0);
    assert_int_equal(bus_stream_time_from(f->bus, "TIMES", 1, &usec, &f->err), 0);
}

static void test_no_stream(void **state)
{
    struct fixture *f = *state;
    int64_t usec;

    assert_int_equal(bus_stream_time_from(f->bus, "NONE", 1, &usec, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.ptr, "NONE: stream not found"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_at_or_above),
        cmocka_unit_test(test_no_stream),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
