/* What the server does at its limits: sizes, memory, time. */
#include "unit/service/http_fixture.h"

#define SHORT_USEC (300 * USEC_PER_MSEC)

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
        cmocka_unit_test(client_that_does_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
