/* Requests and answers over real sockets. */
#include "unit/service/http_fixture.h"

static void one_answer(void **state)
{
    static const struct {
        const char *name, *request, *body, *header;
        unsigned status;
    } cases[] = {
        { "get", "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", "", "X-Method: GET", 200 },
        { "post", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "hello",
          "Content-Type: text/plain", 200 },
        { "empty post", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "", NULL,
          200 },
        { "chunked",
          "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3\r\nabc\r\n5;ext=1\r\ndefgh\r\n0\r\nTrailer: x\r\n\r\n",
          "abcdefgh", NULL, 200 },
        { "correlation id taken",
          "GET /echo HTTP/1.1\r\nHost: a\r\nx-correlation-id: my id-7\r\n\r\n", "",
          "X-Correlation-Id: my id-7\r\n", 200 },
        { "no such path", "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", NULL, NULL, 404 },
        { "no such path, with a body",
          "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", NULL, NULL, 404 },
        { "wrong method", "DELETE /echo HTTP/1.1\r\nHost: a\r\n\r\n", NULL,
          "Allow: GET, HEAD, POST\r\n", 405 },
        { "prefix route", "GET /files/a/b HTTP/1.1\r\nHost: a\r\n\r\n", "", NULL, 200 },
        { "prefix itself", "GET /files HTTP/1.1\r\nHost: a\r\n\r\n", NULL, NULL, 404 },
        { "path decoded", "GET /%65cho HTTP/1.1\r\nHost: a\r\n\r\n", "", NULL, 200 },
        { "NUL in the path", "GET /echo%00x HTTP/1.1\r\nHost: a\r\n\r\n", NULL, NULL, 400 },
        { "error shape", "GET /fail HTTP/1.1\r\nHost: a\r\nX-Correlation-Id: c\r\n\r\n", NULL,
          "Content-Type: application/json", 418 },
        { "query", "GET /query?a=1&b=%41%00+z&a=&c&&%3d=%zz HTTP/1.1\r\nHost: a\r\n\r\n", NULL,
          NULL, 200 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_close_ int fd = dial(f);
        _cleanup_(answer_release) struct answer a;

        say(fd, cases[i].request);
        hear(fd, &a);
        if (a.status != cases[i].status || (cases[i].body && strcmp(a.body.ptr, cases[i].body)) ||
            (cases[i].header && !has_header(&a, cases[i].header)) ||
            !has_header(&a, "\r\nX-Correlation-Id: "))
            fail_msg("%s: %u\n%s%s", cases[i].name, a.status, a.head.ptr, a.body.ptr);
    }
}

static void query_is_exact(void **state)
{
    static const char expected[] = "[a=1:1][b=4:A\0 z][a=0:][c=0:][==3:%zz]0";
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_(answer_release) struct answer a, stopped;

    say(fd, "GET /query?a=1&b=%41%00+z&a=&c&&%3d=%zz HTTP/1.1\r\nHost: a\r\n\r\n");
    hear(fd, &a);
    assert_int_equal(a.body.len, sizeof(expected) - 1);
    assert_memory_equal(a.body.ptr, expected, sizeof(expected) - 1);
    say(fd, "GET /query?stop=1&more=2 HTTP/1.1\r\nHost: a\r\n\r\n");
    hear(fd, &stopped);
    assert_non_null(strstr(stopped.body.ptr, "[stop=1:1]-"));
}

static void error_shape(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_(answer_release) struct answer a;

    say(fd, "GET /fail HTTP/1.1\r\nHost: a\r\nX-Correlation-Id: c1\r\n\r\n");
    hear(fd, &a);
    assert_non_null(strstr(a.body.ptr, "{\"success\":false,\"error\":\"no \\\"coffee\\\"\","
                                       "\"code\":\"teapot\",\"correlationId\":\"c1\","
                                       "\"timestamp\":\"20"));
}

static void head_has_no_body(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_(answer_release) struct answer a;

    say(fd, "HEAD /query?a=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    hear(fd, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.len, 0);
    assert_true(has_header(&a, "Content-Length: 8"));
}

static void bad_correlation_id_is_replaced(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_(answer_release) struct answer a;
    char request[512], id[130];

    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    (void)snprintf(request, sizeof(request),
                   "GET /echo HTTP/1.1\r\nHost: a\r\nX-Correlation-Id: %s\r\n\r\n", id);
    say(fd, request);
    hear(fd, &a);
    assert_false(has_header(&a, "xxxx"));
    assert_true(has_header(&a, "\r\nX-Correlation-Id: "));
}

static void pipelined_requests_keep_their_order(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_strbuf_ struct strbuf all;

    strbuf_init(&all, 65536);
    for (int i = 0; i < 50; i++)
        (void)strbuf_addf(&all, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n%02d",
                          i);
    say(fd, all.ptr);
    for (int i = 0; i < 50; i++) {
        _cleanup_(answer_release) struct answer a;
        char expected[3];

        (void)snprintf(expected, sizeof(expected), "%02d", i);
        hear(fd, &a);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body.ptr, expected);
    }
}

static void large_body_is_whole(void **state)
{
    const size_t len = 1 << 20;
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_free_ char *data = malloc(len);
    _cleanup_(answer_release) struct answer a;
    struct http_server_stats stats;

    for (size_t i = 0; i < len; i++)
        data[i] = (char)(i * 31 % 251);
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
    say_bytes(fd, data, len);
    hear(fd, &a);
    assert_int_equal(a.body.len, len);
    assert_memory_equal(a.body.ptr, data, len);
    do
        http_server_stats_of(f->server, &stats);
    while (stats.inflight_bytes || stats.requests_inflight);
    assert_int_equal(stats.requests, 1);
    assert_int_equal(stats.connections, 1);
}

static void later_answer_from_another_thread(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);

    for (unsigned i = 1; i <= 20; i++) {
        _cleanup_(answer_release) struct answer a;

        say(fd, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        wait_for(&f->waits, i);
        http_loop_post(http_server_loop(f->server, 0), &f->answer_post);
        hear(fd, &a);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body.ptr, "late");
    }
    assert_int_equal(f->aborts, 0);
}

/* While one request waits for its answer others are served. */
static void waiting_does_not_block(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int first = dial(f), second = dial(f);
    _cleanup_(answer_release) struct answer a, b;

    say(first, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&f->waits, 1);
    say(second, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    hear(second, &a);
    assert_int_equal(a.status, 200);
    http_loop_post(http_server_loop(f->server, 0), &f->answer_post);
    hear(first, &b);
    assert_int_equal(b.status, 200);
}

static void client_gone_while_waiting(void **state)
{
    struct fixture *f = *state;
    int gone = dial(f);
    _cleanup_close_ int fd = dial(f);
    _cleanup_(answer_release) struct answer a;

    say(gone, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&f->waits, 1);
    (void)close(gone);
    http_loop_post(http_server_loop(f->server, 0), &f->answer_post);
    say(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    hear(fd, &a);
    assert_int_equal(a.status, 200);
}

static void taken_body_outlives_its_request(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    struct http_server_stats stats;

    for (int i = 0; i < 2; i++) {
        _cleanup_(answer_release) struct answer a;

        say(fd, "POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        hear(fd, &a);
        assert_string_equal(a.body.ptr, "hello");
        assert_int_equal(f->taken.len, 5);
        assert_memory_equal(f->taken.ptr, "hello", 5);
        http_server_stats_of(f->server, &stats);
        assert_int_equal(stats.inflight_bytes, f->taken.size);
        http_body_release(&f->taken);
        http_server_stats_of(f->server, &stats);
        assert_int_equal(stats.inflight_bytes, 0);
    }
}

struct hooked {
    _Atomic unsigned turns, reads;
    int fd;
};

static void count_turn(void *ctx)
{
    ((struct hooked *)ctx)->turns++;
}

static void count_read(void *ctx)
{
    struct hooked *h = ctx;
    char c;

    if (read(h->fd, &c, 1) == 1)
        h->reads++;
}

static void hooks_and_watches(void **state UNUSED)
{
    static struct http_route routes[] = FIXTURE_ROUTES;
    struct fixture f = { .options = FIXTURE_OPTIONS };
    struct hooked h = { 0 };
    int ends[2];

    strbuf_init(&f.err, 1024);
    log_init(&f.log, "test", LOG_ERROR, LOG_TEXT);
    f.options.log = &f.log;
    f.options.routes = routes;
    f.options.route_count = ARRAY_SIZE(routes);
    assert_return_code(pipe(ends), errno);
    h.fd = ends[0];
    assert_return_code(http_server_new(&f.options, &f.server, &f.err), 0);
    http_loop_on_turn(http_server_loop(f.server, 0), count_turn, &h);
    assert_return_code(http_loop_watch(http_server_loop(f.server, 0), ends[0], count_read, &h), 0);
    assert_return_code(http_server_start(f.server, &f.err), 0);
    assert_int_equal(write(ends[1], "ab", 2), 2);
    wait_for(&h.reads, 2);
    assert_true(h.turns >= 1);
    f.server = http_server_free(f.server);
    (void)close(ends[0]);
    (void)close(ends[1]);
    strbuf_release(&f.err);
}

static void address_in_use(void **state)
{
    struct fixture *f = *state;
    struct http_server_options options = f->options;
    struct http_server *other = NULL;

    options.port = http_server_port(f->server);
    assert_int_equal(http_server_new(&options, &other, &f->err), -EADDRINUSE);
    assert_null(other);
    assert_non_null(strstr(f->err.ptr, "Address already in use"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(query_is_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(error_shape, setup, teardown),
        cmocka_unit_test_setup_teardown(head_has_no_body, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_correlation_id_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(pipelined_requests_keep_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(large_body_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(later_answer_from_another_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_does_not_block, setup, teardown),
        cmocka_unit_test_setup_teardown(client_gone_while_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(taken_body_outlives_its_request, setup, teardown),
        cmocka_unit_test(hooks_and_watches),
        cmocka_unit_test_setup_teardown(address_in_use, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
