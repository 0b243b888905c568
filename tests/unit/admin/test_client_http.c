/* What the benchmark's client sends, and when it takes an answer for whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "admin/bench/client_http.h"

#define ANSWER_MAX 100

static const struct {
    const char *what, *text;
    int status;
    uint64_t body;
} cases[] = {
    { "nothing yet", "", 0, 0 },
    { "half of the header", "HTTP/1.1 200 OK\r\nContent-Le", 0, 0 },
    { "header without the body", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", 0, 0 },
    { "half of the body", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", 0, 0 },
    { "whole", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", 200, 4 },
    { "its length among other headers",
      "HTTP/1.1 503 No\r\nA: b\r\ncontent-length:2\r\nB: c\r\n\r\nab", 503, 2 },
    { "without a length", "HTTP/1.1 304 Not Modified\r\nA: b\r\n\r\n", 304, 0 },
    { "no status", "HTTP/1.1 abc\r\n\r\n", -EBADMSG, 0 },
    { "a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", -EBADMSG, 0 },
    { "just too long", "HTTP/1.1 200 OK\r\nContent-Length: 62\r\n\r\n", -EMSGSIZE, 0 },
    { "as long as may be", "HTTP/1.1 200 OK\r\nContent-Length: 61\r\n\r\n", 0, 0 },
    { "much too long", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n", -EMSGSIZE,
      0 },
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t body = 0;
        int status = client_answer(cases[i].text, strlen(cases[i].text), ANSWER_MAX, &body);

        if (status != cases[i].status || body != cases[i].body)
            fail_msg("%s: %d, %llu bytes", cases[i].what, status, (unsigned long long)body);
    }
}

static void test_an_endless_header_is_no_answer(void **state)
{
    char text[ANSWER_MAX];
    uint64_t body;

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(client_answer(text, sizeof(text), ANSWER_MAX, &body), -EMSGSIZE);
}

static int add_text(void *ctx, struct strbuf *out)
{
    return strbuf_adds(out, ctx);
}

static void check_request(const struct client_options *options, const char *expected)
{
    _cleanup_strbuf_ struct strbuf out;

    strbuf_init(&out, 1024);
    assert_int_equal(strbuf_adds(&out, "the request before"), 0);
    assert_int_equal(client_write_request(options, &out), 0);
    assert_string_equal(out.ptr, expected);
}

static void test_get(void **state)
{
    char target[] = "/reports/events?source=facebook";
    const struct client_options options = { .target = add_text,
                                            .headers = "Accept-Encoding: gzip\r\n",
                                            .ctx = target };

    (void)state;
    check_request(&options, "GET /reports/events?source=facebook HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                            "Accept-Encoding: gzip\r\n\r\n");
}

static void test_post(void **state)
{
    char body[] = "{\"a\":1}";
    const struct client_options options = { .path = "/webhook/events",
                                            .body = add_text,
                                            .ctx = body };

    (void)state;
    check_request(&options, "POST /webhook/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                            "Content-Type: application/json\r\nContent-Length:          7\r\n\r\n"
                            "{\"a\":1}");
}

static void test_what_finds_no_room_is_not_sent(void **state)
{
    char target[] = "/reports/events";
    const struct client_options options = { .target = add_text, .ctx = target };
    _cleanup_strbuf_ struct strbuf out;

    (void)state;
    strbuf_init(&out, 30);
    assert_int_equal(client_write_request(&options, &out), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_an_endless_header_is_no_answer),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_what_finds_no_room_is_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
