/* Intake, outbox and pending, new ones each time, with each allocation failing once, from the bytes
 * of a request to the last outcome of its messages: the request fails in words that mean "send it
 * again", the books balance, and the next request is taken. */
#include "event/json.h"
#include "unit/gateway/gateway_fixture.h"
#include "unit/torture.h"

#include <zlib.h>

#define ALLOCATIONS_MAX 5000
#define OUTCOMES_USEC (10 * USEC_PER_SEC)

static const struct {
    const char *name;
    bool gzip, on_loop;
    bool connects; /* on a connection of its own, which takes half a second to close */
    unsigned good; /* events of a list; 0 = a single event; with `broken` no JSON at all */
    bool broken;
} cases[] = {
    { "a first event", .on_loop = true, .connects = true },
    { "a single event on a loop", .on_loop = true },
    { "a single event on a worker", .on_loop = false },
    { "a list on a loop", .on_loop = true, .good = 20 },
    { "a list of several messages on a worker", .good = 2000 },
    { "gzip", .gzip = true, .on_loop = true, .good = 20 },
    { "a body that is no JSON", .on_loop = true, .broken = true },
};

/* What one request needs. */
struct desk {
    struct outbox outbox;
    struct intake intake;
    struct pending_pool pool;
};

static void desk_open(struct desk *d, struct gateway_fixture *f, bool on_loop)
{
    const struct outbox_options options = { .url = f->nats.url,
                                            .name = "torture",
                                            .log = &f->service.log,
                                            .streams = &f->gw->streams,
                                            .metrics = &f->gw->metrics,
                                            .ack_timeout_usec = ACK_TIMEOUT_USEC,
                                            .waits = !on_loop };

    *d = (struct desk){ 0 };
    assert_int_equal(outbox_init(&d->outbox, &options, &f->err), 0);
    assert_int_equal(intake_init(&d->intake, &f->service.settings, &d->outbox, on_loop), 0);
}

static void desk_close(struct desk *d)
{
    intake_release(&d->intake);
    outbox_release(&d->outbox);
    pending_pool_release(&d->pool);
}

/* As after desk_open(), on the same connection: nothing is allocated yet that requests need. */
static void desk_renew(struct desk *d, struct gateway_fixture *f, bool on_loop)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        batch_writer_release(&d->outbox.shared[lane].writer);
        batch_writer_release(&d->outbox.own[lane].writer);
        assert_int_equal(batch_writer_init(&d->outbox.shared[lane].writer), 0);
        assert_int_equal(batch_writer_init(&d->outbox.own[lane].writer), 0);
    }
    intake_release(&d->intake);
    pending_pool_release(&d->pool);
    assert_int_equal(intake_init(&d->intake, &f->service.settings, &d->outbox, on_loop), 0);
}

/* A connection that was lost for want of memory comes back, and the streams are looked at again. */
static void desk_wait_ready(struct desk *d, struct gateway_fixture *f, size_t i, uint64_t nth)
{
    uint64_t until = clock_mono_usec() + 30 * USEC_PER_SEC;

    while (!bus_publisher_connected(d->outbox.publisher) ||
           streams_check(&f->gw->streams, STREAM_BIT(STREAM_COUNT) - 1, 1 << 20) != FAILURE_NONE) {
        if (clock_mono_usec() > until)
            fail_msg("%s: not ready within 30 s, allocation %llu", cases[i].name,
                     (unsigned long long)nth);
        outbox_wait(&d->outbox, 5 * USEC_PER_MSEC);
    }
}

static void compress_body(struct strbuf *body)
{
    _cleanup_strbuf_ struct strbuf packed;
    z_stream z = { .next_in = (Bytef *)body->ptr, .avail_in = (uInt)body->len };

    strbuf_init(&packed, 1 << 20);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(strbuf_reserve(&packed, deflateBound(&z, body->len)), 0);
    z.next_out = (Bytef *)packed.ptr;
    z.avail_out = (uInt)packed.size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    strbuf_reset(body);
    (void)strbuf_add(body, packed.ptr, z.total_out);
    (void)deflateEnd(&z);
}

static void make_body(size_t i, struct strbuf *body)
{
    static unsigned id;

    if (cases[i].broken)
        (void)strbuf_adds(body, "{\"eventId\": [}");
    else if (cases[i].good)
        put_list(body, id, cases[i].good);
    else
        put_event(body, id, true);
    id += MAX(cases[i].good, 1U);
    if (cases[i].gzip)
        compress_body(body);
    assert_int_equal(strbuf_reserve(body, JSON_PADDING), 0);
}

/* NULL: there was no memory for it. */
static struct pending *take_in(struct desk *d, const struct strbuf *body, size_t i)
{
    struct pending *p = pending_get(&d->pool);
    uint64_t until = clock_mono_usec() + OUTCOMES_USEC;

    if (!p)
        return NULL;
    p->input = (struct pending_input){ .body = strbuf_span(body),
                                       .correlation_id = SPAN("torture-1"),
                                       .received_usec = clock_wall_usec(),
                                       .form = SPLIT_JSON,
                                       .gzip = cases[i].gzip };
    if (intake_take(&d->intake, p) == INTAKE_TOO_BIG)
        pending_fail(p, FAILURE_OVERLOADED);
    outbox_flush_shared(&d->outbox);
    p->sealed = true;
    while (!pending_done(p) && clock_mono_usec() < until)
        outbox_wait(&d->outbox, 20 * USEC_PER_MSEC);
    return p;
}

static unsigned wrong_of(size_t i)
{
    return cases[i].good < LONG_LIST ? (cases[i].good + 4) / 5 : 0;
}

static void check_good(const struct pending *p, size_t i)
{
    unsigned good = MAX(cases[i].good, 1U);

    assert_int_equal(p->failure, FAILURE_NONE);
    assert_int_equal(p->accepted, cases[i].broken ? 0 : good);
    assert_int_equal(p->rejected, cases[i].broken ? 1 : wrong_of(i));
    assert_int_equal(p->refusal != NULL, cases[i].broken);
}

static void check_books(const struct desk *d, struct gateway_fixture *f, uint64_t rejected)
{
    assert_int_equal(d->outbox.inflight, 0);
    assert_int_equal(d->outbox.inflight_bytes, 0);
    assert_int_equal(bus_publisher_pending(d->outbox.publisher), 0);
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        assert_int_equal(d->outbox.shared[lane].writer.events, 0);
        assert_int_equal(d->outbox.own[lane].writer.events, 0);
        assert_null(d->outbox.shared[lane].waiters);
        assert_int_equal(d->outbox.shared[lane].unconfirmed, 0);
    }
    assert_int_equal(gateway_fixture_accepted(&f->gw->metrics) + rejected,
                     gateway_fixture_settled(&f->gw->metrics));
}

/* One request; its outcome is checked, and what it rejected counted. */
static enum failure run(struct desk *d, struct gateway_fixture *f, size_t i, uint64_t nth,
                        bool *ret_failed, uint64_t *rejected)
{
    _cleanup_strbuf_ struct strbuf body;
    struct pending *p;
    enum failure failure;

    strbuf_init(&body, 4 << 20);
    make_body(i, &body);
    desk_wait_ready(d, f, i, nth);
    torture_arm(nth);
    p = take_in(d, &body, i);
    *ret_failed = torture_disarm();
    assert_true(p || *ret_failed);
    if (!p)
        return FAILURE_MEMORY;
    assert_true(pending_done(p));
    *rejected += p->rejected;
    failure = p->failure;
    if (failure == FAILURE_NONE)
        check_good(p, i);
    check_books(d, f, *rejected);
    pending_put(&d->pool, p);
    return failure;
}

/* The library reconnects when it has no memory for what it reads: what was on its way then is not
 * confirmed, once more perhaps. */
static void run_until_good(struct desk *d, struct gateway_fixture *f, size_t i, uint64_t *rejected)
{
    enum failure failure = FAILURE_MEMORY;

    for (int tries = 0; failure != FAILURE_NONE; tries++) {
        bool none;

        assert_in_range(tries, 0, 20);
        failure = run(d, f, i, 0, &none, rejected);
        if (failure == FAILURE_MEMORY)
            fail_msg("%s: no memory, though there is", cases[i].name);
    }
}

static void torture_case(struct gateway_fixture *f, size_t i, uint64_t *rejected)
{
    bool failed = true;
    struct desk d;

    desk_open(&d, f, cases[i].on_loop);
    for (uint64_t nth = 1; failed; nth++) {
        enum failure failure;

        assert_in_range(nth, 1, ALLOCATIONS_MAX);
        failure = run(&d, f, i, nth, &failed, rejected);
        if (failure != FAILURE_NONE && !failed)
            fail_msg("%s: fails by itself: %s", cases[i].name, failure_texts[failure].code);
        run_until_good(&d, f, i, rejected);
        if (cases[i].connects) {
            desk_close(&d);
            desk_open(&d, f, cases[i].on_loop);
        } else {
            desk_renew(&d, f, cases[i].on_loop);
        }
    }
    desk_close(&d);
}

static void each_allocation_fails_once(void **state)
{
    uint64_t rejected = 0;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        torture_case(*state, i, &rejected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_allocation_fails_once, gateway_fixture_setup,
                                        gateway_fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
