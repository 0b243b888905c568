/* Shapes that an intermediary may read in another way than we do: each is refused and the
 * connection closed, and what follows on it is never taken for a request. */
#include "unit/service/http_fixture.h"

#define SMUGGLED "GET /echo HTTP/1.1\r\nHost: a\r\nX-Correlation-Id: smuggled\r\n\r\n"
#define POST(headers) "POST /echo HTTP/1.1\r\nHost: a\r\n" headers "\r\n"

static void refused(void **state)
{
    static const struct {
        const char *name, *request;
        unsigned status; /* 0: closed without an answer */
    } cases[] = {
        { "two lengths", POST("Content-Length: 5\r\nContent-Length: 5\r\n") "hello", 400 },
        { "two lengths that differ", POST("Content-Length: 5\r\nContent-Length: 0\r\n") "hello",
          400 },
        { "length list", POST("Content-Length: 5, 5\r\n") "hello", 400 },
        { "length with a sign", POST("Content-Length: +5\r\n") "hello", 400 },
        { "negative length", POST("Content-Length: -5\r\n") "hello", 400 },
        { "empty length", POST("Content-Length:\r\n") "hello", 400 },
        { "hexadecimal length", POST("Content-Length: 0x5\r\n") "hello", 400 },
        { "length beyond 64 bits", POST("Content-Length: 99999999999999999999999\r\n") "hello",
          413 },
        { "length and chunked",
          POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n", 400 },
        { "chunked and length",
          POST("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") "0\r\n\r\n", 400 },
        { "two encodings",
          POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n", 400 },
        { "another encoding", POST("Transfer-Encoding: gzip\r\n") "hello", 400 },
        { "list of encodings", POST("Transfer-Encoding: gzip, chunked\r\n") "0\r\n\r\n", 400 },
        { "chunked with a letter more", POST("Transfer-Encoding: xchunked\r\n") "0\r\n\r\n", 400 },
        { "space before the colon", POST("Content-Length : 5\r\n") "hello", 400 },
        { "tab before the colon", POST("Content-Length\t: 5\r\n") "hello", 400 },
        { "space in a name", POST("X Y: 5\r\n"), 400 },
        { "no name", POST(": 5\r\n"), 400 },
        { "no name, empty", POST(":\r\n"), 400 },
        { "no name, last but one", POST(": 5\r\nX-A: b\r\n"), 400 },
        { "bare LF", "GET /echo HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n", 400 },
        { "bare LF at the end", "GET /echo HTTP/1.1\r\nHost: a\r\n\n", 400 },
        { "no colon", POST("Content-Length\r\n"), 400 },
        { "folded header", POST("X-A: b\r\n c\r\n"), 400 },
        { "a length made by folding", POST("Content-Lengt: 5\r\n h\r\n") "hello", 400 },
        { "first header folded", "POST /echo HTTP/1.1\r\n Host: a\r\nHost: b\r\n\r\n", 400 },
        { "no host", "GET /echo HTTP/1.1\r\n\r\n", 400 },
        { "two hosts", "GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
        { "chunked in HTTP/1.0",
          "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
        { "chunk size is no number", POST("Transfer-Encoding: chunked\r\n") "zz\r\nab\r\n0\r\n\r\n",
          400 },
        { "chunk size beyond 64 bits",
          POST("Transfer-Encoding: chunked\r\n") "fffffffffffffffff\r\nab\r\n0\r\n\r\n", 413 },
        { "chunk longer than it says",
          POST("Transfer-Encoding: chunked\r\n") "2\r\nabcd\r\n0\r\n\r\n", 400 },
        { "not HTTP", "\x16\x03\x01\x02\x01\r\n\r\n", 0 },
        { "space in the URI", "GET /echo x HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_close_ int fd = dial(f);
        _cleanup_(answer_release) struct answer a, more;

        say(fd, cases[i].request);
        say(fd, SMUGGLED);
        hear(fd, &a);
        hear(fd, &more);
        if (a.status != cases[i].status || more.status != 0 || has_header(&a, "smuggled"))
            fail_msg("%s: %u and then %u\n%s%s", cases[i].name, a.status, more.status, a.head.ptr,
                     a.body.ptr);
    }
}

static void taken(void **state)
{
    static const struct {
        const char *name, *request, *body;
    } cases[] = {
        { "HTTP/1.0 without a host", "GET /echo HTTP/1.0\r\n\r\n", "" },
        { "HTTP/1.0 with a length", "POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\nab", "ab" },
        { "no blank after the colon", "POST /echo HTTP/1.1\r\nHost:a\r\nContent-Length:2\r\n\r\nab",
          "ab" },
        { "many blanks", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \t  2\r\n\r\nab",
          "ab" },
        { "empty value", "GET /echo HTTP/1.1\r\nHost: a\r\nX-A:\r\nX-B: \r\n\r\n", "" },
        { "other case",
          "POST /echo HTTP/1.1\r\nHOST: a\r\ntransfer-ENCODING: Chunked\r\n\r\n"
          "2\r\nab\r\n0\r\n\r\n",
          "ab" },
        { "all letters of a token",
          "GET /echo HTTP/1.1\r\nHost: a\r\nA9!#$%&'*+-.^_`|~z: b\r\n\r\n", "" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_close_ int fd = dial(f);
        _cleanup_(answer_release) struct answer a;

        say(fd, cases[i].request);
        hear(fd, &a);
        if (a.status != 200 || strcmp(a.body.ptr, cases[i].body))
            fail_msg("%s: %u\n%s%s", cases[i].name, a.status, a.head.ptr, a.body.ptr);
    }
}

static void nul_in_a_header(void **state)
{
    static const char request[] = POST("X-A: b\0c\r\nContent-Length: 2\r\n") "ab";
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);
    _cleanup_(answer_release) struct answer a;

    say_bytes(fd, request, sizeof(request) - 1);
    hear(fd, &a);
    assert_int_equal(a.status, 400);
}

/* Headers just within and beyond the limit, in pieces. */
static void large_headers(void **state)
{
    struct fixture *f = *state;

    for (size_t kib = 1; kib <= 40; kib += 3) {
        _cleanup_close_ int fd = dial(f);
        _cleanup_(answer_release) struct answer a;

        say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n");
        for (size_t i = 0; i < kib * 16; i++)
            say(fd, "X-A: 0123456789012345678901234567890123456789012345678901234567\r\n");
        say(fd, "\r\nab");
        hear(fd, &a);
        if (a.status != (kib <= 7 ? 200 : kib > 32 ? 431 : a.status))
            fail_msg("%zu KiB of headers: %u", kib, a.status);
    }
}

/* Every way to cut a request in two arrives as one request. */
static void cut_anywhere(void **state)
{
    static const char request[] = "POST /echo?x=1 HTTP/1.1\r\nHost: a\r\nX-Correlation-Id: c\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    struct fixture *f = *state;
    _cleanup_close_ int fd = dial(f);

    for (size_t cut = 1; cut < sizeof(request) - 1; cut++) {
        _cleanup_(answer_release) struct answer a;

        say_bytes(fd, request, cut);
        (void)usleep(500);
        say(fd, request + cut);
        hear(fd, &a);
        if (a.status != 200 || strcmp(a.body.ptr, "abc"))
            fail_msg("cut at %zu: %u %s", cut, a.status, a.body.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refused, setup, teardown),
        cmocka_unit_test_setup_teardown(taken, setup, teardown),
        cmocka_unit_test_setup_teardown(nul_in_a_header, setup, teardown),
        cmocka_unit_test_setup_teardown(large_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_anywhere, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
