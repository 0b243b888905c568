/* Streams and their layout on a real server; the connection's own life. */
#include <errno.h>

#include "bus/layout.h"
#include "unit/bus/bus_fixture.h"

static struct bus_stream_config config_of(const char *name, const char *subject,
                                          enum bus_discard discard, uint64_t max_bytes)
{
    return (struct bus_stream_config){
        .name = name,
        .subjects = { subject },
        .discard = discard,
        .max_bytes = max_bytes,
        .duplicate_window_usec = 60 * USEC_PER_SEC,
        .replicas = 1,
    };
}

static void publish(struct fixture *f, const char *subject, size_t bytes)
{
    _cleanup_free_ char *data = calloc(1, bytes);
    struct bus_message m = { .subject = subject, .payload = { data, bytes } };
    struct bus_result r;

    assert_int_equal(bus_publish_sync(f->bus, &m, 3 * USEC_PER_SEC, &r), 0);
}

static struct bus_stream_state state_of(struct fixture *f, const char *name)
{
    struct bus_stream_state s;

    assert_int_equal(bus_stream_state_of(f->bus, name, &s, &f->err), 0);
    return s;
}

static void test_ensure(void **state)
{
    struct fixture *f = *state;
    struct bus_stream_config c = config_of("ENS", "ens.>", BUS_DISCARD_NEW, 1 << 20);

    assert_int_equal(bus_stream_ensure(f->bus, &c, &f->err), 0);
    publish(f, "ens.a", 50000);
    assert_int_equal(bus_stream_ensure(f->bus, &c, &f->err), 0);
    c.max_bytes = 2 << 20;
    c.max_age_usec = 3600 * USEC_PER_SEC;
    assert_int_equal(bus_stream_ensure(f->bus, &c, &f->err), 0);
    assert_int_equal(state_of(f, "ENS").max_bytes, 2 << 20);
    assert_int_equal(state_of(f, "ENS").messages, 1);
    /* A limit below what it holds would delete the unprocessed. */
    c.max_bytes = 40000;
    assert_int_equal(bus_stream_ensure(f->bus, &c, &f->err), -EIO);
    assert_non_null(strstr(f->err.ptr, "ENS holds"));
    assert_int_equal(state_of(f, "ENS").messages, 1);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    struct bus_stream_config a = config_of("REFA", "ref.>", BUS_DISCARD_NEW, 1 << 20);
    struct bus_stream_config b = config_of("REFB", "ref.x", BUS_DISCARD_NEW, 1 << 20);
    struct bus_stream_config huge = config_of("HUGE", "huge.>", BUS_DISCARD_NEW, UINT64_C(1) << 40);
    struct bus_stream_state s;

    assert_int_equal(bus_stream_ensure(f->bus, &a, &f->err), 0);
    assert_int_equal(bus_stream_ensure(f->bus, &b, &f->err), -EIO);
    assert_non_null(strstr(f->err.ptr, "overlap"));
    assert_int_equal(bus_stream_ensure(f->bus, &huge, &f->err), -ENOSPC);
    assert_int_equal(bus_stream_state_of(f->bus, "HUGE", &s, &f->err), -ENOENT);
}

/* The server has 2 GB in all and does not say so: every stream must still find its place. */
static void test_layout(void **state)
{
    static const char *const sources[] = { "facebook", "tiktok", NULL };
    struct bus_layout layout = { .sources = sources,
                                 .duplicate_window_usec = 120 * USEC_PER_SEC,
                                 .replicas = 1 };
    struct fixture *f = *state;
    uint64_t limit = 0, again = 0;

    assert_int_equal(bus_layout_ensure(f->bus, &layout, &limit, &f->err), 0);
    assert_true(limit >= 16 << 20);
    assert_int_equal(state_of(f, "FACEBOOK_EVENTS").max_bytes, limit);
    assert_int_equal(state_of(f, "TIKTOK_EVENTS").max_bytes, limit);
    assert_true(state_of(f, BUS_DLQ_STREAM).max_bytes > 0);
    assert_true(state_of(f, BUS_UNREADABLE_STREAM).max_bytes > 0);
    assert_int_equal(state_of(f, BUS_METRICS_STREAM).max_bytes, 64 << 20);
    publish(f, "events.facebook.top", 10);
    publish(f, "events.tiktok.bottom", 10);
    publish(f, BUS_UNREADABLE_SUBJECT, 10);
    assert_int_equal(bus_layout_ensure(f->bus, &layout, &again, &f->err), 0);
    assert_int_equal(again, limit);
    layout.stream_max_bytes = 1 << 20;
    assert_int_equal(bus_layout_ensure(f->bus, &layout, &again, &f->err), 0);
    assert_int_equal(again, 1 << 20);
    layout.stream_max_bytes = 0; /* automatic again: what is in use stays as it is */
    assert_int_equal(bus_layout_ensure(f->bus, &layout, &again, &f->err), 0);
    assert_int_equal(again, 1 << 20);
    assert_int_equal(state_of(f, "TIKTOK_EVENTS").messages, 1);
}

static void test_no_server(void **state)
{
    struct bus_options options = { .url = "nats://127.0.0.1:1", .name = "test" };
    struct fixture *f = *state;
    struct bus_message m = fixture_message("a", "b");
    struct bus_publisher_options po = { 4, 100, 0 };
    struct bus_publisher *p = NULL;
    struct bus_stream_state s;
    struct bus_result r;
    struct bus *bus = NULL;

    assert_int_equal(bus_open(&options, &bus, &f->err), 0);
    assert_false(bus_connected(bus));
    assert_false(bus_wait_connected(bus, 10 * USEC_PER_MSEC));
    assert_int_equal(bus_ping(bus, USEC_PER_SEC), -ENOTCONN);
    assert_int_equal(bus_publish_sync(bus, &m, USEC_PER_SEC, &r), -ENOTCONN);
    assert_int_equal(bus_stream_state_of(bus, "S", &s, &f->err), -ENOTCONN);
    assert_int_equal(bus_publisher_new(&options, &po, &p, &f->err), 0);
    assert_int_equal(bus_publish(p, &m, NULL), -ENOTCONN);
    bus_publisher_free(p);
    bus_close(bus);
}

/* A bus opened before its server works when the server has come; so does one among several URLs. */
static void test_late_server(void **state)
{
    struct fixture *f = *state;
    struct nats_server late;
    struct bus_options options = { .name = "test" };
    struct bus *bus = NULL;
    struct bus_stats stats;
    char urls[160];

    assert_true(nats_server_setup(&late, NULL));
    nats_server_kill(&late);
    (void)snprintf(urls, sizeof(urls), "nats://127.0.0.1:1/, %s/", late.url);
    options.url = urls;
    assert_int_equal(bus_open(&options, &bus, &f->err), 0);
    assert_false(bus_connected(bus));
    assert_true(nats_server_start(&late));
    assert_true(bus_wait_connected(bus, 10 * USEC_PER_SEC));
    assert_int_equal(bus_ping(bus, 5 * USEC_PER_SEC), 0);
    bus_stats_of(bus, &stats);
    assert_int_equal(stats.errors, 0);
    bus_close(bus);
    nats_server_teardown(&late);
}

static void test_bad_url(void **state)
{
    static const char *const urls[] = {
        "",           ",",        "nats://host:port",   "nats://:",    "nats://h:99999",
        "nats://h:0", "http://h", "nats://a,,nats://b", "nats://u:p@", "[::1]:x"
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        struct bus_options options = { .url = urls[i], .name = "test" };
        struct bus *bus = NULL;

        print_message("'%s'\n", urls[i]);
        assert_int_equal(bus_open(&options, &bus, &f->err), -EINVAL);
        assert_null(bus);
        assert_true(f->err.len > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ensure),      cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_layout),      cmocka_unit_test(test_no_server),
        cmocka_unit_test(test_late_server), cmocka_unit_test(test_bad_url),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
