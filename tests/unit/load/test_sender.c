/* What becomes of a request for each kind of answer; what is sent again, and that it is the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "base/clock.h"
#include "http_script.h"
#include "load/http_load.h"
#include "load/sender.h"

#define ANSWER(status, headers, body)                                                              \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n" headers                            \
    "Connection: close\r\n\r\n" body

struct sender_case {
    const char *name;
    const char *answers[6];
    uint32_t events, corrupt;
    struct sender_counts want;
};

static const struct sender_case cases[] = {
    { "all accepted",
      { ANSWER("200 OK", "", "{\"success\":true,\"processed\":3,\"failed\":0}") },
      3,
      0,
      { .requests = 1, .events = 3, .accepted = 3 } },
    { "one rejected as meant",
      { ANSWER("200 OK", "",
               "{\"processed\":2,\"failed\":1,\"duplicates\":1,\"errors\":[{\"index\":0,"
               "\"pointer\":\"/timestamp\",\"error\":\"expected a date-time\"}]}") },
      3,
      1,
      { .requests = 1, .events = 3, .accepted = 2, .rejected = 1, .duplicates = 1 } },
    { "one rejected that is good",
      { ANSWER("200 OK", "", "{\"processed\":2,\"failed\":1}") },
      3,
      0,
      { .requests = 1, .events = 3, .accepted = 2, .rejected = 1, .surprises = 1 } },
    { "a corrupt one accepted",
      { ANSWER("200 OK", "", "{\"processed\":3,\"failed\":0}") },
      3,
      1,
      { .requests = 1, .events = 3, .accepted = 3, .surprises = 1 } },
    { "events missing in the answer",
      { ANSWER("200 OK", "", "{\"processed\":2,\"failed\":0}") },
      3,
      0,
      { .requests = 1, .events = 3, .accepted = 2, .surprises = 1 } },
    { "all corrupt",
      { ANSWER("400 Bad Request", "",
               "{\"success\":false,\"error\":\"no\",\"errors\":"
               "[{\"index\":0,\"error\":\"x\"}]}") },
      1,
      1,
      { .requests = 1, .events = 1, .rejected = 1 } },
    { "body refused",
      { ANSWER("413 Too Large", "", "{\"success\":false,\"error\":\"too large\"}") },
      3,
      0,
      { .requests = 1, .events = 3, .refused = 3, .surprises = 1 } },
    { "not JSON",
      { ANSWER("200 OK", "", "<html>") },
      3,
      0,
      { .requests = 1, .events = 3, .refused = 3, .surprises = 1 } },
    { "again after 503, 429, 500 and no answer",
      { ANSWER("503 Busy", "", "{}"), ANSWER("429 Slow", "", "{}"), "", ANSWER("500 Oh", "", "{}"),
        ANSWER("200 OK", "", "{\"processed\":3,\"failed\":0}") },
      3,
      0,
      { .requests = 1, .events = 3, .accepted = 3, .retries = 4 } },
};

static void send_one(struct sender *s, const struct sender_case *c)
{
    struct sender_request *request = sender_take(s);

    assert_non_null(request);
    strbuf_adds(&request->body, "[1,2,3]");
    request->events = c->events;
    request->corrupt = c->corrupt;
    assert_int_equal(sender_send(s, request), 0);
    assert_int_equal(sender_open_events(s), c->events);
    assert_null(sender_take(s));
    while (sender_open(s))
        assert_int_equal(sender_poll(s, 100000), 0);
    assert_non_null(sender_take(s));
}

/* Tries after the first repeat body and correlation id. */
static void assert_same_requests(const struct http_script *script)
{
    for (size_t i = 0; i < script->count; i++) {
        assert_non_null(strstr(script->requests[i], "\r\n\r\n[1,2,3]"));
        assert_non_null(strstr(script->requests[i], "X-Correlation-Id: "));
        assert_string_equal(script->requests[i], script->requests[0]);
    }
}

static void answers_are_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(sender_freep) struct sender *s = NULL;
        _cleanup_strbuf_ struct strbuf err;
        struct http_script script;
        struct sender_options options = { .connections = 1,
                                          .timeout_usec = 10 * USEC_PER_SEC,
                                          .body_max_bytes = 1024 };
        char url[64];

        print_message("%s\n", cases[i].name);
        script_start(&script, cases[i].answers);
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/webhook/events", script.port);
        options.url = url;
        strbuf_init(&err, 256);
        assert_int_equal(sender_new(&options, &s, &err), 0);
        send_one(s, &cases[i]);
        assert_memory_equal(sender_counts_of(s), &cases[i].want, sizeof(cases[i].want));
        assert_int_equal(cases[i].want.surprises + cases[i].want.retries > 0,
                         sender_trouble(s)[0] != '\0');
        assert_same_requests(&script);
        script_stop(&script);
    }
}

static void retry_after_is_kept(void **state)
{
    static const char *const answers[] = { ANSWER("503 Busy", "Retry-After: 1\r\n", "{}"),
                                           ANSWER("200 OK", "", "{\"processed\":1,\"failed\":0}"),
                                           NULL };
    const struct sender_case c = { .events = 1 };
    _cleanup_(sender_freep) struct sender *s = NULL;
    _cleanup_strbuf_ struct strbuf err;
    struct http_script script;
    uint64_t started = clock_mono_usec();
    struct sender_options options = { .timeout_usec = 10 * USEC_PER_SEC, .body_max_bytes = 1024 };
    char url[64];

    (void)state;
    script_start(&script, answers);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", script.port);
    options.url = url;
    strbuf_init(&err, 256);
    assert_int_equal(sender_new(&options, &s, &err), 0);
    send_one(s, &c);
    assert_in_range(clock_mono_usec() - started, 1000000, 10000000);
    script_stop(&script);
}

static void urls_are_checked(void **state)
{
    static const char *const wrong[] = { "", "nonsense here", "ftp://x/", "http://",
                                         "file:///etc" };
    _cleanup_strbuf_ struct strbuf err;

    (void)state;
    strbuf_init(&err, 256);
    assert_int_equal(http_url_check("http://127.0.0.1:3000/webhook", &err), 0);
    assert_int_equal(http_url_check("https://example.org/", &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(http_url_check(wrong[i], &err), -EINVAL);
}

static void get_reads_the_body(void **state)
{
    static const char *const answers[] = { ANSWER("404 Not Found", "", "nothing here"), NULL };
    _cleanup_strbuf_ struct strbuf out, err;
    struct http_script script;
    long status = -1;
    char url[64];

    (void)state;
    strbuf_init(&out, 64);
    strbuf_init(&err, 256);
    script_start(&script, answers);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", script.port);
    assert_int_equal(http_get(url, USEC_PER_SEC * 5, &status, &out, &err), 0);
    script_stop(&script);
    assert_int_equal(status, 404);
    assert_string_equal(out.ptr, "nothing here");
    assert_int_equal(http_get(url, USEC_PER_SEC * 5, &status, &out, &err), 0);
    assert_int_equal(status, 0);
    assert_non_null(strstr(err.ptr, url));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_counted),
        cmocka_unit_test(retry_after_is_kept),
        cmocka_unit_test(urls_are_checked),
        cmocka_unit_test(get_reads_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
