/* Publishing against a real server, its faults included. */
#include "bus/publisher.h"

#include <errno.h>

#include "unit/bus/bus_fixture.h"

static struct bus_publisher *make(struct fixture *f, uint32_t max_pending, uint64_t max_bytes,
                                  uint64_t timeout_usec)
{
    struct bus_publisher_options options = { max_pending, max_bytes, timeout_usec };
    struct bus_publisher *p = NULL;

    assert_int_equal(bus_publisher_new(f->bus, &options, &p, &f->err), 0);
    return p;
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

static void test_server_killed(void **state)
{
    struct fixture *f = *state;
    struct bus_publisher *p = make(f, 64, 1 << 20, USEC_PER_SEC);
    struct bus_message m = fixture_message("killed.a", "hello");
    struct bus_result r;

    fixture_stream(f, "KILLED", "killed.>", 1 << 20);
    nats_server_signal(&f->server, SIGSTOP);
    for (intptr_t i = 0; i < 10; i++)
        assert_int_equal(bus_publish(p, &m, (void *)i), 0);
    nats_server_kill(&f->server);
    for (intptr_t i = 0; i < 10; i++) {
        assert_true(fixture_outcome(p, 3000, &r));
        assert_int_equal(r.outcome, BUS_UNKNOWN);
        assert_ptr_equal(r.token, (void *)i);
    }
    assert_false(fixture_outcome(p, 100, &r));
    assert_int_equal(bus_publish(p, &m, NULL), -ENOTCONN);
    assert_true(nats_server_start(&f->server));
    fixture_wait_connected(f);
    assert_int_equal(bus_publish(p, &m, p), 0);
    assert_true(fixture_outcome(p, 3000, &r));
    assert_int_equal(r.outcome, BUS_STORED);
    bus_publisher_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stored_and_duplicate),
        cmocka_unit_test(test_server_killed),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
