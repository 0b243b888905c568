/* What the server does at its limits: sizes, memory, time, connections, the end. */
#include "unit/service/http_fixture.h"

#define SHORT_USEC (300 * USEC_PER_MSEC)

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

/* A server like the usual one, with some options changed first. */
static struct fixture *open_with(const struct http_server_options *options)
{
    static struct http_route routes[] = FIXTURE_ROUTES;
    struct fixture *f = calloc(1, sizeof(*f));

    f->options = *options;
    fixture_open(f, routes, ARRAY_SIZE(routes));
    return f;
}

static void close_fixture(struct fixture **f)
{
    void *state = *f;

    (void)teardown(&state);
}
#define _cleanup_fixture_ _cleanup_(close_fixture)

static void body_cap(void **state)
{
    static const struct {
        const char *name, *request;
        unsigned status;
    } cases[] = {
        { "just fits",
          "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 16\r\n\r\n0123456789abcdef", 200 },
        { "just fits, chunked",
          "POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n",
          200 },
        { "one byte over",
          "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n0123456789abcdefg", 413 },
        { "one byte over, chunked",
          "POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "8\r\n01234567\r\n9\r\n012345678\r\n0\r\n\r\n",
          413 },
        { "far over, nothing sent",
          "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413 },
        { "far over, waiting for 100",
          "POST /small HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
          "Content-Length: 99999999999\r\n\r\n",
          413 },
        { "a body where none is taken",
          "GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 413 },
        { "a chunked body for no path",
          "POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
          404 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_close_ int fd = dial(f);
        _cleanup_(answer_release) struct answer a;

        say(fd, cases[i].request);
        hear(fd, &a);
        if (a.status != cases[i].status)
            fail_msg("%s: %u\n%s%s", cases[i].name, a.status, a.head.ptr, a.body.ptr);
        if (a.status == 413 &&
            (!is_closed(fd) || !strstr(a.body.ptr, "\"code\":\"body_too_large\"") ||
             !has_header(&a, "\r\nX-Correlation-Id: ") || !has_header(&a, "Connection: close")))
            fail_msg("%s: %s%s", cases[i].name, a.head.ptr, a.body.ptr);
    }
}

/* A client that sends all before it reads gets the answer all the same, not a reset. */
static void refusal_survives_a_long_body(void **state)
{
    const size_t len = 8 << 20;
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_free_ char *data = calloc(1, len);
    _cleanup_(answer_release) struct answer a;

    say(fd, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n");
    say_bytes(fd, data, len);
    hear(fd, &a);
    assert_int_equal(a.status, 413);
    assert_true(is_closed(fd));
}

static void continue_is_sent(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_(answer_release) struct answer first, second;

    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
            "Content-Length: 2\r\n\r\n");
    hear(fd, &first);
    assert_int_equal(first.status, 100);
    say(fd, "ab");
    hear(fd, &second);
    assert_int_equal(second.status, 200);
    assert_string_equal(second.body.ptr, "ab");
}

static void body_memory(void **state UNUSED)
{
    struct http_server_options options = FIXTURE_OPTIONS;
    _cleanup_fixture_ struct fixture *f = NULL;
    _cleanup_free_ char *data = calloc(1, 1 << 20);
    struct http_server_stats stats;

    options.inflight_max_bytes = 1 << 20;
    f = open_with(&options);
    {
        _cleanup_close_ int fd = dial(f);
        _cleanup_(answer_release) struct answer a;

        say(fd, "POST /huge HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n");
        hear(fd, &a);
        assert_int_equal(a.status, 503);
        assert_true(has_header(&a, "Retry-After: 1"));
    }
    {
        _cleanup_close_ int fd = dial(f);
        _cleanup_(answer_release) struct answer a;

        say(fd, "POST /huge HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n");
        say_bytes(fd, data, 1 << 20);
        say_bytes(fd, data, 1 << 20);
        hear(fd, &a);
        assert_int_equal(a.status, 503);
        assert_non_null(strstr(a.body.ptr, "overloaded"));
    }
    do
        http_server_stats_of(f->server, &stats);
    while (stats.connections);
    assert_int_equal(stats.inflight_bytes, 0);
    assert_int_equal(stats.refused, 2);
}

static void late_handler(void **state UNUSED)
{
    struct http_server_options options = FIXTURE_OPTIONS;
    _cleanup_fixture_ struct fixture *f = NULL;
    _cleanup_close_ int fd = -1;
    uint64_t begun = clock_mono_usec();

    options.request_timeout_usec = SHORT_USEC;
    f = open_with(&options);
    fd = dial(f);
    for (unsigned i = 1; i <= 2; i++) { /* the connection lives on */
        _cleanup_(answer_release) struct answer a;

        say(fd, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        hear(fd, &a);
        assert_int_equal(a.status, 503);
        assert_non_null(strstr(a.body.ptr, "\"code\":\"timeout\""));
        assert_int_equal(f->aborts, i);
        assert_true(clock_mono_usec() - begun >= i * (uint64_t)SHORT_USEC);
    }
}

/* A client that drips bytes is never idle, and yet must be done in time. */
static void slow_sender(void **state UNUSED)
{
    static const struct {
        const char *name, *start, *drip;
        unsigned status;
    } cases[] = {
        { "body", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "x", 408 },
        { "headers", "POST /echo HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", 408 },
        { "request line", "GET /", "x", 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct http_server_options options = FIXTURE_OPTIONS;
        _cleanup_fixture_ struct fixture *f = NULL;
        _cleanup_close_ int fd = -1;
        _cleanup_(answer_release) struct answer a;
        uint64_t begun = clock_mono_usec();

        options.request_timeout_usec = SHORT_USEC;
        options.idle_timeout_usec = 1 * USEC_PER_SEC;
        f = open_with(&options);
        fd = dial(f);
        say(fd, cases[i].start);
        while (clock_mono_usec() < begun + 1600 * USEC_PER_MSEC) {
            say(fd, cases[i].drip);
            (void)usleep(50 * 1000);
        }
        hear(fd, &a);
        if (a.status != cases[i].status)
            fail_msg("%s: %u %s", cases[i].name, a.status, a.body.ptr);
        if (!is_closed(fd))
            fail_msg("%s: still open", cases[i].name);
    }
}

static void idle_connection_is_closed(void **state UNUSED)
{
    struct http_server_options options = FIXTURE_OPTIONS;
    _cleanup_fixture_ struct fixture *f = NULL;
    _cleanup_close_ int fd = -1;
    uint64_t begun = clock_mono_usec();

    options.idle_timeout_usec = 1 * USEC_PER_SEC;
    f = open_with(&options);
    fd = dial(f);
    assert_true(is_closed(fd));
    assert_in_range(clock_mono_usec() - begun, 900 * USEC_PER_MSEC, 10 * USEC_PER_SEC);
}

static void half_closed_client_is_answered(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_(answer_release) struct answer a;

    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    (void)shutdown(fd, SHUT_WR);
    hear(fd, &a);
    assert_int_equal(a.status, 200);
}

/* Stops half-way through: nothing of it stays behind. */
static void client_gone_half_way(void **state)
{
    static const char *const starts[] = {
        "",
        "GET /ec",
        "GET /echo HTTP/1.1\r\n",
        "GET /echo?a=b HTTP/1.1\r\nHost: a\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nab",
    };
    struct fixture *f = *state;
    struct http_server_stats stats;

    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        int fd = dial(f);

        say(fd, starts[i]);
        (void)usleep(5000);
        (void)close(fd);
    }
    do
        http_server_stats_of(f->server, &stats);
    while (stats.connections);
    assert_int_equal(stats.inflight_bytes, 0);
    assert_int_equal(stats.requests_inflight, 0);
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

/* A client that never reads its answer holds neither connection nor memory for ever. */
static void client_that_does_not_read(void **state UNUSED)
{
    const size_t len = 32 << 20; /* more than the kernel's buffers take */
    struct http_server_options options = FIXTURE_OPTIONS;
    _cleanup_fixture_ struct fixture *f = NULL;
    _cleanup_close_ int fd = -1;
    _cleanup_free_ char *data = calloc(1, len);
    struct http_server_stats stats;

    options.request_timeout_usec = 2 * USEC_PER_SEC;
    f = open_with(&options);
    fd = dial(f);
    say(fd, "POST /huge HTTP/1.1\r\nHost: a\r\nContent-Length: 33554432\r\n\r\n");
    say_bytes(fd, data, len);
    do {
        (void)usleep(1000);
        http_server_stats_of(f->server, &stats);
    } while (stats.connections);
    assert_int_equal(stats.requests, 1);
    assert_int_equal(stats.requests_inflight, 0);
    assert_int_equal(stats.inflight_bytes, 0);
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
        cmocka_unit_test_setup_teardown(body_cap, setup, teardown),
        cmocka_unit_test_setup_teardown(refusal_survives_a_long_body, setup, teardown),
        cmocka_unit_test_setup_teardown(continue_is_sent, setup, teardown),
        cmocka_unit_test(body_memory),
        cmocka_unit_test(late_handler),
        cmocka_unit_test(slow_sender),
        cmocka_unit_test(idle_connection_is_closed),
        cmocka_unit_test_setup_teardown(half_closed_client_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(client_gone_half_way, setup, teardown),
        cmocka_unit_test(connections_per_address),
        cmocka_unit_test(connections_in_total),
        cmocka_unit_test(idle_connections_make_room),
        cmocka_unit_test(rate_of_an_address),
        cmocka_unit_test(requests_in_flight),
        cmocka_unit_test(client_that_does_not_read),
        cmocka_unit_test_setup_teardown(last_request_of_a_kept_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(drained_server, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_waits_for_what_is_in_flight, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_cuts_at_its_deadline, setup, teardown),
        cmocka_unit_test(drain_serves_the_backlog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
