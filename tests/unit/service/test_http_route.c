/* Which route a request is for, and the segments of its path. */
#include "unit/service/http_fixture.h"

/* Says which route it is, and the segments. */
static void tell(struct http_request *req, const char *route)
{
    _cleanup_strbuf_ struct strbuf out;

    strbuf_init(&out, 8192);
    (void)strbuf_adds(&out, route);
    for (size_t i = 0; i < HTTP_SEGMENTS_MAX && req->segments[i].ptr; i++) {
        assert_int_equal(req->segments[i].ptr[req->segments[i].len], '\0');
        (void)strbuf_addf(&out, "[%.*s]", SPAN_ARG(req->segments[i]));
    }
    http_reply(req, 200, "text/plain", strbuf_span(&out), NULL, 0);
}

static void tell_exact(struct http_request *req, void *ctx UNUSED)
{
    tell(req, "exact");
}

static void tell_one(struct http_request *req, void *ctx UNUSED)
{
    tell(req, "one");
}

static void tell_two(struct http_request *req, void *ctx UNUSED)
{
    tell(req, "two");
}

static void tell_put(struct http_request *req, void *ctx UNUSED)
{
    tell(req, "put");
}

static void tell_prefix(struct http_request *req, void *ctx UNUSED)
{
    tell(req, "prefix");
}

/* The exact ones stand behind: the order of the table does not matter. */
static struct http_route routes[] = {
    { "GET", "/*", tell_prefix, NULL, NULL, 0, false },
    { "GET", "/users/{source}/{userId}", tell_two, NULL, NULL, 0, false },
    { "PUT", "/users/{source}/{userId}", tell_put, NULL, NULL, 0, false },
    { "PUT", "/users/facebook/latest", tell_exact, NULL, NULL, 0, false },
    { "GET", "/users/{source}/{userId}/name", tell_two, NULL, NULL, 0, false },
    { "GET", "/users/{source}", tell_one, NULL, NULL, 0, false },
    { "GET", "/users/facebook/newest", tell_exact, NULL, NULL, 0, false },
    { "PUT", "/files/{name}", tell_one, NULL, NULL, 0, false },
};

static int setup_routes(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->options = (struct http_server_options)FIXTURE_OPTIONS;
    fixture_open(f, routes, ARRAY_SIZE(routes));
    *state = f;
    return 0;
}

static void check(struct fixture *f, const char *method, const char *path, unsigned status,
                  const char *text)
{
    _cleanup_close_ int fd = dial(f);
    _cleanup_(answer_release) struct answer a;
    _cleanup_strbuf_ struct strbuf request;

    strbuf_init(&request, 65536);
    (void)strbuf_addf(&request, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, path);
    say(fd, request.ptr);
    hear(fd, &a);
    if (a.status != status || (status == 200 ? strcmp(a.body.ptr, text) != 0
                                             : !has_header(&a, text) && !strstr(a.body.ptr, text)))
        fail_msg("%s %s: %u\n%s%s", method, path, a.status, a.head.ptr, a.body.ptr);
}

static void routes_and_segments(void **state)
{
    static const struct {
        const char *method, *path, *text;
        unsigned status;
    } cases[] = {
        { "GET", "/users/facebook", "one[facebook]", 200 },
        { "GET", "/users/facebook/u-1", "two[facebook][u-1]", 200 },
        { "GET", "/users/facebook/u-1?limit=2/3", "two[facebook][u-1]", 200 },
        { "GET", "/users/facebook/u-1/name", "two[facebook][u-1]", 200 },
        { "GET", "/users/facebook/newest", "exact", 200 },
        { "GET", "/users/facebook/%6eewest", "exact", 200 },
        { "GET", "/%75sers/facebook/x", "two[facebook][x]", 200 },
        { "PUT", "/users/facebook/newest", "put[facebook][newest]", 200 },
        { "PUT", "/users/facebook/latest", "exact", 200 },
        { "GET", "/users/facebook/latest", "two[facebook][latest]", 200 },
        /* an encoded slash belongs to its segment, an encoded brace is one */
        { "GET", "/users/tiktok/a%2Fb%2fc", "two[tiktok][a/b/c]", 200 },
        { "GET", "/users%2Ftiktok/u", "prefix", 200 },
        { "GET", "/users/%7Bsource%7D", "one[{source}]", 200 },
        { "GET", "/users/{source}/{userId}", "two[{source}][{userId}]", 200 },
        { "GET", "/users/a+b/%20%25%f0%9F%98%80", "two[a+b][ %\xf0\x9f\x98\x80]", 200 },
        { "GET", "/users/a/%zz%4", "two[a][%zz%4]", 200 },
        /* nothing is no segment, and more is another path */
        { "GET", "/users/", "prefix", 200 },
        { "GET", "/users//u", "prefix", 200 },
        { "GET", "/users/facebook/u-1/", "prefix", 200 },
        { "GET", "/users/facebook/u-1/name/x", "prefix", 200 },
        { "GET", "users/facebook", "not_found", 404 },
        { "PUT", "/users/facebook/u/name/x", "Allow: GET, HEAD\r\n", 405 },
        { "DELETE", "/users/facebook/u", ", PUT\r\n", 405 },
        { "GET", "/users/facebook/%ff", "bad_path", 400 },
        { "GET", "/users/%c3/u", "bad_path", 400 },
        { "GET", "/users/facebook/%ed%a0%80", "bad_path", 400 },
        { "GET", "/users/facebook/a%00b", "bad_request", 400 },
        { "GET", "/files/x/%ff", "prefix", 200 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        check(*state, cases[i].method, cases[i].path, cases[i].status, cases[i].text);
}

/* The limit counts decoded bytes. */
static void segments_have_a_limit(void **state)
{
    char path[16 + 3 * HTTP_SEGMENT_MAX + 2] = "/users/";
    char text[16 + HTTP_SEGMENT_MAX] = "one[";
    char *end = path + strlen(path);

    for (int i = 0; i < HTTP_SEGMENT_MAX; i++) {
        (void)strncat(path, "%61", 4);
        (void)strncat(text, "a", 2);
    }
    (void)strncat(text, "]", 2);
    check(*state, "GET", path, 200, text);
    (void)strncat(path, "b", 2);
    check(*state, "GET", path, 400, "bad_path");
    memset(end, 'c', HTTP_SEGMENT_MAX + 1);
    end[HTTP_SEGMENT_MAX + 1] = '\0';
    check(*state, "GET", path, 400, "bad_path");
}

/* A path that other clients choose must not make metrics without end. */
static void metrics_name_the_pattern(void **state UNUSED)
{
    struct fixture f = { .options = FIXTURE_OPTIONS };
    _cleanup_strbuf_ struct strbuf text;

    strbuf_init(&text, 1 << 20);
    f.options.metrics = metrics_new();
    fixture_open(&f, routes, ARRAY_SIZE(routes));
    check(&f, "GET", "/users/facebook/somebody", 200, "two[facebook][somebody]");
    assert_return_code(metrics_render(f.options.metrics, &text), 0);
    assert_non_null(strstr(text.ptr, "http_request_duration_seconds_count{method=\"GET\","
                                     "path=\"/users/{source}/{userId}\"} 1\n"));
    assert_null(strstr(text.ptr, "somebody"));
    f.server = http_server_free(f.server);
    (void)metrics_free(f.options.metrics);
    strbuf_release(&f.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(routes_and_segments, setup_routes, teardown),
        cmocka_unit_test_setup_teardown(segments_have_a_limit, setup_routes, teardown),
        cmocka_unit_test(metrics_name_the_pattern),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
