/* Answers that go on: what is sent arrives, whoever ends them, and that they hold nothing up. */
#include "unit/service/http_fixture.h"

#define QUEUE_MAX 65536

static struct http_stream *stream;
static _Atomic unsigned begun, ended, said;
static const char *next_text; /* of say_more */

static void on_end(void *ctx UNUSED)
{
    stream = NULL;
    ended++;
}

static void begin(struct http_request *req, void *ctx UNUSED)
{
    stream = http_reply_stream(req, "text/event-stream", NULL, 0, QUEUE_MAX, on_end, NULL);
    if (stream)
        http_stream_send(stream, SPAN("first\n"));
    begun++;
}

static void say_more(struct http_post *post UNUSED)
{
    if (stream && next_text)
        http_stream_send(stream, span_str(next_text));
    else if (stream)
        http_stream_end(stream);
    said++;
}

static int open_server(void **state)
{
    static struct http_route routes[] = {
        { "GET", "/stream", begin, NULL, NULL, 0, false },
        { "GET", "/echo", echo, NULL, NULL, 0, false },
    };
    struct fixture *f = calloc(1, sizeof(*f));

    begun = ended = 0;
    f->options = (struct http_server_options)FIXTURE_OPTIONS;
    f->options.request_timeout_usec = USEC_PER_SEC; /* streams live longer */
    fixture_open(f, routes, ARRAY_SIZE(routes));
    f->answer_post.fn = say_more;
    *state = f;
    return 0;
}

/* Has the loop send the text, NULL: end the stream. Waits until it did: there is one post. */
static void tell(struct fixture *f, const char *text)
{
    unsigned before = said;

    next_text = text;
    http_loop_post(http_server_loop(f->server, 0), &f->answer_post);
    wait_for(&said, before + 1);
}

/* Reads until the connection has said so. */
static void expect(int fd, const char *text)
{
    _cleanup_strbuf_ struct strbuf heard;
    char c;

    strbuf_init(&heard, 1 << 20);
    while (heard.len < strlen(text) ||
           memcmp(heard.ptr + heard.len - strlen(text), text, strlen(text)) != 0) {
        assert_true(read_byte(fd, &c));
        (void)strbuf_addc(&heard, c);
    }
}

static int begin_stream(struct fixture *f)
{
    _cleanup_(answer_release) struct answer a;
    unsigned before = begun;
    int fd = dial(f);

    say(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    hear(fd, &a);
    assert_int_equal(a.status, 200);
    assert_true(has_header(&a, "Content-Type: text/event-stream"));
    assert_true(has_header(&a, "Transfer-Encoding: chunked"));
    expect(fd, "6\r\nfirst\n\r\n");
    wait_for(&begun, before + 1);
    return fd;
}

static void arrives_as_it_is_sent(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = begin_stream(f);
    struct http_server_stats stats;

    tell(f, "second\n");
    expect(fd, "7\r\nsecond\n\r\n");
    (void)usleep(1500 * 1000); /* past the time that a request and its answer may take */
    tell(f, "third\n");
    expect(fd, "6\r\nthird\n\r\n");
    http_server_stats_of(f->server, &stats);
    assert_int_equal(stats.requests_inflight, 0);
    assert_int_equal(ended, 0);
    tell(f, NULL);
    expect(fd, "0\r\n\r\n");
    assert_true(is_closed(fd));
    wait_for(&ended, 1);
}

static void notices_who_has_left(void **state)
{
    struct fixture *f = *state;

    (void)close(begin_stream(f));
    tell(f, "anybody?\n");
    wait_for(&ended, 1);
}

static void drops_who_does_not_read(void **state)
{
    static char much[QUEUE_MAX / 4];
    struct fixture *f = *state;
    _cleanup_close_ UNUSED int fd = begin_stream(f);

    memset(much, 'x', sizeof(much) - 1);
    /* What the sockets hold of it is bounded. */
    for (int i = 0; i < 20000 && !ended; i++)
        tell(f, much);
    assert_int_equal(ended, 1);
}

static void is_not_begun_by_head(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_(answer_release) struct answer a;

    say(fd, "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    hear(fd, &a);
    assert_int_equal(a.status, 200);
    say(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    answer_release(&a);
    hear(fd, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(begun, 1);
    assert_int_equal(ended, 0);
}

/* One reads, one does not. */
static void ends_with_the_server(void **state)
{
    static char much[QUEUE_MAX / 2];
    struct fixture *f = *state;
    _cleanup_close_ UNUSED int deaf = begin_stream(f);
    _cleanup_close_ int fd = -1;
    uint64_t started;

    memset(much, 'x', sizeof(much) - 1);
    tell(f, much);
    fd = begin_stream(f);
    started = clock_mono_usec();
    assert_int_equal(http_server_stop(f->server, started + 20 * USEC_PER_SEC), 0);
    assert_true(clock_mono_usec() - started < 10 * USEC_PER_SEC);
    expect(fd, "0\r\n\r\n");
    assert_true(is_closed(fd));
    assert_int_equal(ended, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(arrives_as_it_is_sent, open_server, teardown),
        cmocka_unit_test_setup_teardown(notices_who_has_left, open_server, teardown),
        cmocka_unit_test_setup_teardown(drops_who_does_not_read, open_server, teardown),
        cmocka_unit_test_setup_teardown(is_not_begun_by_head, open_server, teardown),
        cmocka_unit_test_setup_teardown(ends_with_the_server, open_server, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
