/* JetStream: does it answer, how full is it, are the streams and consumers there, do they keep up.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/doctor/checks.h"
#include "admin/servers.h"
#include "base/clock.h"
#include "bus/bus.h"
#include "bus/layout.h"
#include "bus/puller.h"
#include "event/event.h"

#define CONNECT_TIMEOUT_USEC (3 * UINT64_C(1000000))
#define MIB (1024.0 * 1024.0)
#define FULL_PERCENT 70
#define BEHIND_MESSAGES 10000

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void check_limits(struct findings *f, struct bus *bus)
{
    struct bus_store_limits limits;
    _cleanup_strbuf_ struct strbuf err;
    bool full;

    strbuf_init(&err, 1024);
    if (bus_store_limits_of(bus, &limits, &err) < 0) {
        findings_add(f, FINDING_FAIL, "jetstream",
                     "start nats-server with a jetstream { store_dir } block",
                     "JetStream gives no account of itself: %s", err.ptr);
        return;
    }
    if (limits.max_store == 0) {
        findings_add(f, FINDING_OK, "jetstream", NULL, "%.0f MiB stored, without a limit for us",
                     (double)limits.used / MIB);
        return;
    }
    full = percent(limits.used, limits.max_store) > FULL_PERCENT;
    findings_add(f, full ? FINDING_WARN : FINDING_OK, "jetstream",
                 full ? "give it more room (max_file_store), or see why collectors lag" : NULL,
                 "%.0f MiB of %.0f MiB of the store used", (double)limits.used / MIB,
                 (double)limits.max_store / MIB);
}

/* drops: the stream makes room by itself. */
static void check_stream(struct findings *f, struct bus *bus, const char *name, bool drops)
{
    struct bus_stream_state state;
    _cleanup_strbuf_ struct strbuf err;
    int r;
    bool full;

    strbuf_init(&err, 1024);
    r = bus_stream_state_of(bus, name, &state, &err);
    if (r < 0) {
        findings_add(f, FINDING_FAIL, "stream",
                     r == -ENOENT ? "sluice init makes it (as every gateway does at its start)"
                                  : "look at the log of nats-server",
                     "%s: %s", name, r == -ENOENT ? "does not exist" : err.ptr);
        return;
    }
    full = !drops && percent(state.bytes, state.max_bytes) > FULL_PERCENT + 10;
    findings_add(f, full ? FINDING_WARN : FINDING_OK, "stream",
                 full ? "at 100 % the gateway answers 503: see why the collectors lag, or raise "
                        "STREAM_MAX_BYTES"
                      : NULL,
                 "%s: %" PRIu64 " messages, %.1f of %.0f MiB", name, state.messages,
                 (double)state.bytes / MIB, (double)state.max_bytes / MIB);
}

static void check_consumer(struct findings *f, struct bus *bus, const char *stream,
                           const char *durable)
{
    struct bus_consumer_state state;
    _cleanup_strbuf_ struct strbuf err;
    bool behind;
    int r;

    strbuf_init(&err, 1024);
    r = bus_consumer_state_of(bus, stream, durable, &state, &err);
    if (r < 0) {
        findings_add(f, FINDING_FAIL, "consumer", "start a collector: it makes its consumer",
                     "%s on %s: %s", durable, stream, r == -ENOENT ? "does not exist" : err.ptr);
        return;
    }
    behind = state.pending > BEHIND_MESSAGES;
    findings_add(f, behind ? FINDING_WARN : FINDING_OK, "consumer",
                 behind ? "see that the collector runs and the database keeps up, or start another "
                          "collector (--scale)"
                        : NULL,
                 "%s on %s: %" PRIu64 " messages wait, %" PRIu64 " in work", durable, stream,
                 state.pending, state.ack_pending);
}

static void check_layout(struct findings *f, struct bus *bus)
{
    for (int i = 0; i < SOURCE_COUNT; i++) {
        char stream[BUS_STREAM_NAME_MAX];

        bus_layout_stream_name(event_source_names[i], stream);
        check_stream(f, bus, stream, /* drops= */ false);
        check_consumer(f, bus, stream, server_consumers[i]);
    }
    check_stream(f, bus, BUS_DLQ_STREAM, /* drops= */ false);
    check_stream(f, bus, BUS_UNREADABLE_STREAM, /* drops= */ true);
    check_stream(f, bus, BUS_METRICS_STREAM, /* drops= */ true);
    check_consumer(f, bus, BUS_METRICS_STREAM, "metrics-writer");
}

void check_bus(struct findings *f, const char *url)
{
    struct log log;
    const struct bus_options options = { .url = url,
                                         .name = "sluice doctor",
                                         .log = &log,
                                         .connect_timeout_usec = CONNECT_TIMEOUT_USEC };
    _cleanup_(bus_closep) struct bus *bus = NULL;
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, 1024);
    log_init(&log, "doctor", LOG_ERROR, LOG_TEXT);
    r = bus_open(&options, &bus, &err);
    if (r < 0) {
        findings_add(f, FINDING_FAIL, "nats", "set NATS_URL to nats://host:port", "%s", err.ptr);
        return;
    }
    r = bus_ping(bus, CONNECT_TIMEOUT_USEC);
    if (r < 0) {
        findings_add(f, FINDING_FAIL, "nats",
                     "start nats-server (sluice up starts one), or set NATS_URL",
                     "the NATS server does not answer: %s", strerror(-r));
        return;
    }
    findings_add(f, FINDING_OK, "nats", NULL, "the NATS server answers");
    check_limits(f, bus);
    check_layout(f, bus);
}
