/* How many clients and requests the server takes at once, and how it ends. */
#include "unit/service/http_fixture.h"

struct stop_call {
    struct http_server *server;
    int result;
};

static void *stop_server(void *arg)
{
    struct stop_call *call = arg;

    call->result = http_server_stop(call->server, clock_mono_usec() + 20 * USEC_PER_SEC);
    return NULL;
}

static void connections_per_address(void **state UNUSED)
{
    struct http_server_options options = FIXTURE_OPTIONS;
    _cleanup_fixture_ struct fixture *f = NULL;
    _cleanup_close_ int first = -1, second = -1, third = -1;
    _cleanup_(answer_release) struct answer a;
    unsigned status;

    options.connections_per_address_max = 2;
    f = open_with(&options);
    first = dial(f);
    say(first, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    hear(first, &a);
    assert_int_equal(a.status, 200);
    second = dial(f);
    third = dial(f);
    assert_true(is_closed(third));
    (void)close(TAKE_FD(second));
    do { /* its place is free once the server has seen the end */
        _cleanup_close_ int fourth = dial(f);
        _cleanup_(answer_release) struct answer b;

        say(fourth, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
        hear(fourth, &b);
        status = b.status;
    } while (status != 200);
}

/* One client of two loops, which share what they count. */
static void rate_of_an_address(void **state UNUSED)
{
    struct http_server_options options = FIXTURE_OPTIONS;
    _cleanup_fixture_ struct fixture *f = NULL;
    unsigned served = 0, limited = 0;

    options.rate_max = 5;
    options.threads = 2;
    f = open_with(&options);
    for (int i = 0; i < 200 && limited < 3; i++) {
        _cleanup_close_ int fd = dial(f);
        _cleanup_(answer_release) struct answer a, vital;

        say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
        hear(fd, &a);
        served += a.status == 200;
        if (a.status != 200 && a.status != 429)
            fail_msg("%u", a.status);
        if (a.status == 429 &&
            (!has_header(&a, "Retry-After: 1") || !strstr(a.body.ptr, "\"rate_limited\"")))
            fail_msg("%s%s", a.head.ptr, a.body.ptr);
        limited += a.status == 429;
        say(fd, "GET /vital HTTP/1.1\r\nHost: a\r\n\r\n"); /* the connection lives on */
        hear(fd, &vital);
        assert_int_equal(vital.status, 200);
    }
    assert_in_range(served, 5, 100);
    assert_int_equal(limited, 3);
}

static void requests_in_flight(void **state UNUSED)
{
    struct http_server_options options = FIXTURE_OPTIONS;
    _cleanup_fixture_ struct fixture *f = NULL;
    _cleanup_close_ int busy = -1, other = -1;
    _cleanup_(answer_release) struct answer refused, vital, first, then;

    options.inflight_max_requests = 1;
    f = open_with(&options);
    busy = dial(f);
    other = dial(f);
    say(busy, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&f->waits, 1);
    say(other, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    hear(other, &refused);
    assert_int_equal(refused.status, 503);
    assert_true(has_header(&refused, "Retry-After: 1"));
    assert_non_null(strstr(refused.body.ptr, "\"code\":\"overloaded\""));
    say(other, "GET /vital HTTP/1.1\r\nHost: a\r\n\r\n");
    hear(other, &vital);
    assert_int_equal(vital.status, 200);
    http_loop_post(http_server_loop(f->server, 0), &f->answer_post);
    hear(busy, &first);
    assert_int_equal(first.status, 200);
    say(other, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    hear(other, &then);
    assert_int_equal(then.status, 200);
}

/* Beyond the limit connections wait until one of the others ends. */
static void connections_in_total(void **state UNUSED)
{
    struct http_server_options options = FIXTURE_OPTIONS;
    _cleanup_fixture_ struct fixture *f = NULL;
    _cleanup_close_ int busy = -1, waiting = -1;
    _cleanup_(answer_release) struct answer first, second;

    options.connections_max = 1;
    f = open_with(&options);
    busy = dial(f);
    say(busy, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&f->waits, 1);
    waiting = dial(f);
    say(waiting, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    http_loop_post(http_server_loop(f->server, 0), &f->answer_post);
    hear(busy, &first);
    assert_int_equal(first.status, 200);
    (void)close(TAKE_FD(busy));
    hear(waiting, &second);
    assert_int_equal(second.status, 200);
}

/* Who holds all places without using them makes room for those who come. */
static void idle_connections_make_room(void **state UNUSED)
{
    struct http_server_options options = FIXTURE_OPTIONS;
    _cleanup_fixture_ struct fixture *f = NULL;
    _cleanup_close_ int busy = -1;
    _cleanup_(answer_release) struct answer late;
    int idle[30];

    options.connections_max = ARRAY_SIZE(idle);
    options.idle_timeout_usec = options.request_timeout_usec = 600 * USEC_PER_SEC;
    f = open_with(&options);
    busy = dial(f);
    say(busy, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&f->waits, 1);
    for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
        idle[i] = dial(f);
    for (int i = 0; i < 10; i++) {
        _cleanup_close_ int fd = dial(f);
        _cleanup_(answer_release) struct answer a;

        say(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
        hear(fd, &a);
        assert_int_equal(a.status, 200);
    }
    assert_true(is_closed(idle[0]));
    for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
        (void)close(idle[i]);
    http_loop_post(http_server_loop(f->server, 0), &f->answer_post);
    hear(busy, &late);
    assert_int_equal(late.status, 200);
}

/* Nobody is cut off between two requests: each learns from its answer that it was the last one. */
static void last_request_of_a_kept_connection(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f), silent = dial(f);
    struct stop_call call = { f->server, -1 };
    uint64_t begun = clock_mono_usec();
    bool last = false;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, stop_server, &call), 0);
    while (!last) {
        _cleanup_(answer_release) struct answer a;

        say(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
        hear(fd, &a);
        assert_int_equal(a.status, 200);
        last = has_header(&a, "Connection: close");
    }
    (void)pthread_join(thread, NULL);
    assert_int_equal(call.result, 0);
    assert_in_range(clock_mono_usec() - begun, 900 * USEC_PER_MSEC, 15 * USEC_PER_SEC);
    assert_true(is_closed(silent));
}

static void drained_server(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int open = dial(f), refused = -1;
    _cleanup_(answer_release) struct answer before, after;
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)http_server_port(f->server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };

    say(open, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    hear(open, &before);
    assert_false(has_header(&before, "Connection: close"));
    http_server_drain(f->server);
    say(open, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    hear(open, &after);
    assert_int_equal(after.status, 200);
    assert_true(has_header(&after, "Connection: close"));
    assert_true(is_closed(open));
    refused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (connect(refused, (struct sockaddr *)&to, sizeof(to)) == 0) { /* until it has drained */
        (void)close(refused);
        refused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    assert_int_equal(errno, ECONNREFUSED);
    assert_return_code(http_server_stop(f->server, clock_mono_usec() + 5 * USEC_PER_SEC), 0);
}

static void *answer_soon(void *arg)
{
    struct fixture *f = arg;

    (void)usleep(200 * 1000);
    http_loop_post(http_server_loop(f->server, 0), &f->answer_post);
    return NULL;
}

static void stop_waits_for_what_is_in_flight(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_(answer_release) struct answer a;
    pthread_t thread;

    say(fd, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&f->waits, 1);
    assert_int_equal(pthread_create(&thread, NULL, answer_soon, f), 0);
    assert_return_code(http_server_stop(f->server, clock_mono_usec() + 10 * USEC_PER_SEC), 0);
    (void)pthread_join(thread, NULL);
    hear(fd, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body.ptr, "late");
}

static void stop_cuts_at_its_deadline(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int waiting = dial(f), sending = dial(f);
    _cleanup_(answer_release) struct answer a, b;

    say(waiting, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    say(sending, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    wait_for(&f->waits, 1);
    assert_int_equal(http_server_stop(f->server, clock_mono_usec() + 200 * USEC_PER_MSEC),
                     -ETIMEDOUT);
    hear(waiting, &a);
    assert_int_equal(a.status, 503);
    assert_int_equal(f->aborts, 1);
    hear(sending, &b);
    assert_int_equal(b.status, 503);
    assert_non_null(strstr(b.body.ptr, "\"code\":\"stopping\""));
}

/* What the kernel had accepted when the drain began is served. */
static void drain_serves_the_backlog(void **state UNUSED)
{
    for (int round = 0; round < 20; round++) {
        struct http_server_options options = FIXTURE_OPTIONS;
        _cleanup_fixture_ struct fixture *f = NULL;
        int fds[20];

        options.threads = 2;
        f = open_with(&options);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
            fds[i] = dial(f);
            say(fds[i], "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        assert_return_code(http_server_stop(f->server, clock_mono_usec() + 5 * USEC_PER_SEC), 0);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
            _cleanup_(answer_release) struct answer a;

            hear(fds[i], &a);
            if (a.status != 200)
                fail_msg("round %d, connection %zu: %u", round, i, a.status);
            (void)close(fds[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_per_address),
        cmocka_unit_test(connections_in_total),
        cmocka_unit_test(idle_connections_make_room),
        cmocka_unit_test(rate_of_an_address),
        cmocka_unit_test(requests_in_flight),
        cmocka_unit_test_setup_teardown(last_request_of_a_kept_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(drained_server, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_waits_for_what_is_in_flight, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_cuts_at_its_deadline, setup, teardown),
        cmocka_unit_test(drain_serves_the_backlog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
