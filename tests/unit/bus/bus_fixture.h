/* One nats-server and one connection for all tests of a program, and the small steps they share. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include <poll.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "bus/bus.h"
#include "bus/publisher.h"
#include "unit/bus/nats_server.h"

struct fixture {
    struct nats_server server;
    struct bus *bus;
    struct strbuf err;
};

UNUSED static struct bus *fixture_connect(struct fixture *f)
{
    struct bus_options options = { .url = f->server.url, .name = "test" };
    struct bus *bus = NULL;

    assert_int_equal(bus_open(&options, &bus, &f->err), 0);
    return bus;
}

UNUSED static struct bus_publisher *fixture_publisher(struct fixture *f,
                                                      const struct bus_publisher_options *options)
{
    struct bus_options bus = { .url = f->server.url, .name = "test publisher" };
    struct bus_publisher *p = NULL;

    assert_int_equal(bus_publisher_new(&bus, options, &p, &f->err), 0);
    return p;
}

UNUSED static int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    if (!f)
        return -1;
    *state = f;
    strbuf_init(&f->err, 1024);
    if (!nats_server_setup(&f->server, NULL))
        return -1;
    f->bus = fixture_connect(f);
    return bus_connected(f->bus) ? 0 : -1;
}

UNUSED static int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    bus_close(f->bus);
    nats_server_teardown(&f->server);
    strbuf_release(&f->err);
    free(f);
    return 0;
}

/* Retries while the server comes up: right after its start JetStream may not answer yet. */
UNUSED static void fixture_stream(struct fixture *f, const char *name, const char *subject,
                                  uint64_t max_bytes)
{
    struct bus_stream_config config = { .name = name,
                                        .subjects = { subject },
                                        .discard = BUS_DISCARD_NEW,
                                        .max_bytes = max_bytes,
                                        .replicas = 1 };
    int r = bus_stream_ensure(f->bus, &config, &f->err);

    if (r < 0)
        fail_msg("%s", f->err.ptr);
}

UNUSED static struct bus_message fixture_message(const char *subject, const char *text)
{
    return (struct bus_message){ .subject = subject, .payload = span_str(text) };
}

UNUSED static bool fixture_poll(int fd, int msec)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, msec) == 1;
}

/* The next outcome, waiting for it as an owner does; false after `msec`. */
UNUSED static bool fixture_outcome(struct bus_publisher *p, int msec, struct bus_result *ret)
{
    uint64_t until = clock_mono_usec() + (uint64_t)msec * 1000;

    while (!bus_publisher_next(p, ret)) {
        uint64_t now = clock_mono_usec();

        if (now >= until || !fixture_poll(bus_publisher_fd(p), (int)((until - now) / 1000) + 1))
            return false;
    }
    return true;
}

/* As an owner does who looks at the descriptor. */
UNUSED static void fixture_wait_publisher(struct bus_publisher *p)
{
    uint64_t until = clock_mono_usec() + 15 * USEC_PER_SEC;
    struct bus_result r;

    while (clock_mono_usec() < until) {
        if (bus_publisher_connected(p))
            return;
        (void)fixture_poll(bus_publisher_fd(p), 5);
        assert_false(bus_publisher_next(p, &r));
    }
    fail_msg("no connection within 15 s");
}

UNUSED static void fixture_wait_connected(struct fixture *f)
{
    uint64_t until = clock_mono_usec() + 15 * USEC_PER_SEC;

    while (clock_mono_usec() < until) {
        if (bus_ping(f->bus, USEC_PER_SEC) == 0)
            return;
        (void)usleep(5000);
    }
    fail_msg("no connection within 15 s");
}

/* Messages whose payloads are the numbers from `from` to `to`, the latter left out. */
UNUSED static void fixture_numbers(struct fixture *f, const char *subject, uint64_t from,
                                   uint64_t to)
{
    struct bus_publisher_options options = { 1024, 1 << 20, 0 };
    struct bus_publisher *p = fixture_publisher(f, &options);
    struct bus_result r;

    for (uint64_t i = from; i < to; i++) {
        char text[24];
        struct bus_message m = { .subject = subject, .payload = { text, 0 } };
        int sent;

        m.payload.len = (size_t)snprintf(text, sizeof(text), "%lu", i);
        while ((sent = bus_publish(p, &m, NULL)) == -EAGAIN)
            assert_true(fixture_outcome(p, 5000, &r) && r.outcome == BUS_STORED);
        assert_int_equal(sent, 0);
    }
    while (bus_publisher_pending(p))
        assert_true(fixture_outcome(p, 5000, &r) && r.outcome == BUS_STORED);
    bus_publisher_free(p);
}
