/* `sluice init`: creates the streams or brings them up to date, and says what each may hold. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "bus/bus.h"
#include "bus/layout.h"
#include "event/event.h"
#include "service/settings.h"

#define WAIT_USEC (10 * (uint64_t)USEC_PER_SEC)
#define TEXT_MAX 4096

static int show_stream(struct bus *bus, const char *name, struct strbuf *err)
{
    struct bus_stream_state state;
    int r = bus_stream_state_of(bus, name, &state, err);

    if (r == 0)
        printf("%-20s limit %6" PRIu64 " MiB, holds %" PRIu64 " messages (%" PRIu64 " KiB)\n", name,
               state.max_bytes >> 20, state.messages, state.bytes >> 10);
    return r;
}

static int show_streams(struct bus *bus, struct strbuf *err)
{
    static const char *const others[] = { BUS_DLQ_STREAM, BUS_UNREADABLE_STREAM,
                                          BUS_METRICS_STREAM };
    int r = 0;

    for (size_t i = 0; r == 0 && i < SOURCE_COUNT; i++) {
        char name[BUS_STREAM_NAME_MAX];

        bus_layout_stream_name(event_source_names[i], name);
        r = show_stream(bus, name, err);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(others); i++)
        r = show_stream(bus, others[i], err);
    return r;
}

/* Right after its start a server may accept connections before JetStream answers. */
static int ensure_streams(struct bus *bus, const struct settings *s, struct strbuf *err)
{
    const char *sources[SOURCE_COUNT + 1] = { NULL };
    const struct bus_layout layout = {
        .sources = sources,
        .stream_max_bytes = s->stream_max_bytes,
        .dlq_max_bytes = s->dlq_max_bytes,
        .duplicate_window_usec = s->duplicate_window_usec,
        .replicas = s->stream_replicas,
    };
    uint64_t until = clock_mono_usec() + WAIT_USEC, limit;
    int r;

    for (size_t i = 0; i < SOURCE_COUNT; i++)
        sources[i] = event_source_names[i];
    do {
        if (!bus_wait_connected(bus, WAIT_USEC)) {
            strbuf_setf(err, "NATS_URL: no server answers within 10 s; is it running?");
            return -ENOTCONN;
        }
        r = bus_layout_ensure(bus, &layout, &limit, err);
    } while ((r == -ENOTCONN || r == -ETIMEDOUT) && clock_mono_usec() < until);
    return r;
}

static int run(const struct settings *s, struct strbuf *err)
{
    const struct bus_options options = { .url = s->nats_url, .name = "sluice init" };
    _cleanup_(bus_closep) struct bus *bus = NULL;
    int r = bus_open(&options, &bus, err);

    if (r == 0)
        r = ensure_streams(bus, s, err);
    return r < 0 ? r : show_streams(bus, err);
}

int admin_init(int argc, char **argv)
{
    const struct settings_command command = {
        .usage = "sluice init [flags]",
        .about = "Creates the streams or brings them up to date; running it again changes nothing. "
                 "The gateway and the collectors do the same when they start.",
    };
    _cleanup_(settings_release) struct settings settings = { 0 };
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, TEXT_MAX);
    r = settings_load(&settings, ROLE_INIT, &argc, argv, &command, &err);
    if (r == 0)
        r = run(&settings, &err);
    if (r >= 0)
        return 0;
    fprintf(stderr, "sluice init: %s\n", err.len ? err.ptr : "out of memory");
    return 1;
}
