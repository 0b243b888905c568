/* Requests over HTTP with each allocation of the loop's thread failing once, from the accepted
 * connection to the last byte of the answer, MHD's, libnats's and OpenSSL's included: the answer is
 * the right one or a 503, whole and in valid JSON, or the connection is closed; nothing hangs, and
 * the next request is answered. */
#include "event/json.h"
#include "unit/gateway/gateway_fixture.h"
#include "unit/torture.h"

#define ALLOCATIONS_MAX 2000
#define RECOVERY_USEC (30 * USEC_PER_SEC)

static const struct {
    const char *name, *path;
    unsigned good; /* events of a list; 0 = a single one */
    bool broken;
    unsigned status;
} cases[] = {
    { "a single event", "/webhook/events", 0, false, 200 },
    { "a list with errors", "/webhook/events", 20, false, 200 },
    { "a list for a worker", "/webhook/events", LONG_LIST, false, 200 },
    { "a body that is no JSON", "/webhook/events", 0, true, 400 },
    { "not the bulk form", "/webhook/events/bulk", 0, false, 400 },
    { "another path", "/webhook", 0, false, 404 },
    { "another method", "/webhook/events", 0, false, 405 },
};

/* Arms and disarms on the loop's thread. */
struct switch_post {
    struct http_post post;
    uint64_t nth;
    bool failed;
    _Atomic unsigned done;
};

static void on_arm(struct http_post *post)
{
    struct switch_post *s = (struct switch_post *)(void *)post;

    torture_arm(s->nth);
    s->done++;
}

static void on_disarm(struct http_post *post)
{
    struct switch_post *s = (struct switch_post *)(void *)post;

    s->failed = torture_disarm();
    s->done++;
}

static bool switch_loop(struct gateway_fixture *f, void (*fn)(struct http_post *), uint64_t nth)
{
    struct switch_post s = { .post = { .fn = fn }, .nth = nth };

    http_loop_post(http_server_loop(f->service.http, 0), &s.post);
    wait_for(&s.done, 1);
    return s.failed;
}

static void make_request(size_t i, struct strbuf *out)
{
    _cleanup_strbuf_ struct strbuf body;
    static unsigned id;

    strbuf_init(&body, 4 << 20);
    if (cases[i].broken)
        (void)strbuf_adds(&body, "{\"eventId\": [}");
    else if (cases[i].good)
        put_list(&body, id, cases[i].good);
    else
        put_event(&body, id, false);
    id += MAX(cases[i].good, 1U);
    (void)strbuf_addf(out,
                      "%s %s?x=1 HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                      "Content-Length: %zu\r\n\r\n",
                      cases[i].status == 405 ? "PUT" : "POST", cases[i].path, body.len);
    (void)strbuf_addspan(out, strbuf_span(&body));
}

static void check_json(struct strbuf *body)
{
    struct json_parser *parser = json_parser_new(1 << 20, 16);
    struct json_value root;
    const char *error;

    assert_non_null(parser);
    assert_int_equal(strbuf_reserve(body, JSON_PADDING), 0);
    if (json_parse(parser, strbuf_span(body), &root, &error) < 0)
        fail_msg("the answer is no JSON (%s): %s", error, body->ptr);
    assert_int_equal(json_kind_of(root), JSON_OBJECT);
    json_parser_free(parser);
}

/* The status of the answer; 0 when the connection was closed without one. */
static unsigned ask(struct gateway_fixture *f, size_t i, uint64_t nth, bool *ret_failed)
{
    _cleanup_strbuf_ struct strbuf request;
    _cleanup_(answer_release) struct answer a;
    _cleanup_close_ int fd = -1;

    strbuf_init(&request, 4 << 20);
    make_request(i, &request);
    (void)switch_loop(f, on_arm, nth);
    fd = dial(&f->http);
    say_bytes(fd, request.ptr, request.len);
    hear(fd, &a);
    *ret_failed = switch_loop(f, on_disarm, 0);
    if (a.status != 0 && !has_header(&a, "Content-Type: text/html"))
        check_json(&a.body);
    return a.status;
}

static bool is_idle(struct gateway_fixture *f)
{
    const struct gateway_loop *loop = &f->gw->loops[0];
    struct http_server_stats stats;
    uint32_t inflight = loop->outbox.inflight;

    for (size_t i = 0; i < f->gw->workers.count; i++)
        inflight += f->gw->workers.items[i].outbox.inflight;
    http_server_stats_of(f->service.http, &stats);
    return inflight == 0 && loop->outbox.inflight_bytes == 0 && stats.requests_inflight == 0 &&
           stats.inflight_bytes == 0 && stats.connections == 0;
}

/* Messages have their outcomes, streams are looked at again, a lost connection is back. */
static void wait_good(struct gateway_fixture *f, size_t i, uint64_t nth)
{
    uint64_t until = clock_mono_usec() + RECOVERY_USEC;
    unsigned status = 0;
    bool none;

    while (status != cases[i].status) {
        if (clock_mono_usec() > until)
            fail_msg("%s, allocation %llu: %u instead of %u, for 30 s", cases[i].name,
                     (unsigned long long)nth, status, cases[i].status);
        status = ask(f, i, 0, &none);
    }
    while (!is_idle(f)) {
        if (clock_mono_usec() > until)
            fail_msg("%s, allocation %llu: something is left in flight", cases[i].name,
                     (unsigned long long)nth);
        (void)usleep(1000);
    }
}

static void torture_case(struct gateway_fixture *f, size_t i)
{
    bool failed = true;

    wait_good(f, i, 0);
    for (uint64_t nth = 1; failed; nth++) {
        unsigned status;

        assert_in_range(nth, 1, ALLOCATIONS_MAX);
        status = ask(f, i, nth, &failed);
        if (status != cases[i].status && !(failed && (status == 503 || status == 0)))
            fail_msg("%s, allocation %llu: status %u", cases[i].name, (unsigned long long)nth,
                     status);
        wait_good(f, i, nth);
    }
}

static void each_allocation_fails_once(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        torture_case(*state, i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_allocation_fails_once, gateway_fixture_setup,
                                        gateway_fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
