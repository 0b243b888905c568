/* Which streams there are and how large they may grow. */
#include "bus/layout.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "bus/bus.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)
#define STREAM_BYTES_DEFAULT (10 * GIB)
#define STREAM_STORE_PERCENT 40
#define DEAD_BYTES_DEFAULT (1 * GIB)
#define DEAD_STORE_PERCENT 10
#define METRICS_BYTES (64 * MIB)
#define SMALLEST_BYTES (16 * MIB)
#define STORE_BYTES_ASSUMED (25 * GIB) /* gives every stream its default */
#define STORE_BYTES_LEAST (128 * MIB)

void bus_layout_stream_name(const char *source, char ret[BUS_STREAM_NAME_MAX])
{
    int n = snprintf(ret, BUS_STREAM_NAME_MAX, "%s_EVENTS", source);

    for (int i = 0; i < n && i < BUS_STREAM_NAME_MAX - 1; i++)
        ret[i] = (char)toupper((unsigned char)ret[i]);
}

/* The limit of a stream whose size nobody has set. One that is there never grows, so that processes
 * that start together agree; one in use never shrinks. */
static int choose_bytes(struct bus *bus, const char *name, uint64_t wish, uint64_t *ret_bytes,
                        struct strbuf *err)
{
    struct bus_stream_state state = { 0 };
    int r = bus_stream_state_of(bus, name, &state, err);

    if (r < 0 && r != -ENOENT)
        return r;
    if (state.max_bytes == 0)
        *ret_bytes = wish;
    else
        *ret_bytes = state.messages ? state.max_bytes : MIN(state.max_bytes, wish);
    return 0;
}

static int ensure_sized(struct bus *bus, struct bus_stream_config *config, uint64_t set,
                        uint64_t wish, struct strbuf *err)
{
    int r = 0;

    config->max_bytes = set;
    if (set == 0)
        r = choose_bytes(bus, config->name, wish, &config->max_bytes, err);
    return r < 0 ? r : bus_stream_ensure(bus, config, err);
}

static uint64_t share_of(uint64_t store, unsigned percent, uint64_t most)
{
    return MIN(MAX(store / 100 * percent, SMALLEST_BYTES), most);
}

static int ensure_sources(struct bus *bus, const struct bus_layout *layout, uint64_t wish,
                          struct strbuf *err, uint64_t *ret_max_bytes)
{
    uint64_t least = UINT64_MAX;

    for (const char *const *source = layout->sources; *source; source++) {
        char name[BUS_STREAM_NAME_MAX], subject[BUS_STREAM_NAME_MAX];
        struct bus_stream_config config = {
            .name = name,
            .subjects = { subject },
            .discard = BUS_DISCARD_NEW,
            .duplicate_window_usec = layout->duplicate_window_usec,
            .replicas = layout->replicas,
        };
        int r;

        bus_layout_stream_name(*source, name);
        (void)snprintf(subject, sizeof(subject), BUS_EVENTS_PREFIX "%s.>", *source);
        r = ensure_sized(bus, &config, layout->stream_max_bytes, wish, err);
        if (r < 0)
            return r;
        least = MIN(least, config.max_bytes);
    }
    *ret_max_bytes = least;
    return 0;
}

static int ensure_dead_letters(struct bus *bus, const struct bus_layout *layout, uint64_t wish,
                               struct strbuf *err)
{
    struct bus_stream_config dead = {
        .name = BUS_DLQ_STREAM,
        .subjects = { BUS_DLQ_PREFIX ">" },
        .discard = BUS_DISCARD_NEW,
        .duplicate_window_usec = layout->duplicate_window_usec,
        .replicas = layout->replicas,
    };
    struct bus_stream_config unreadable = {
        .name = BUS_UNREADABLE_STREAM,
        .subjects = { BUS_UNREADABLE_PREFIX ">" },
        .discard = BUS_DISCARD_OLD,
        .duplicate_window_usec = layout->duplicate_window_usec,
        .replicas = layout->replicas,
    };
    int r = ensure_sized(bus, &dead, layout->dlq_max_bytes, wish, err);

    if (r < 0)
        return r;
    return ensure_sized(bus, &unreadable, layout->dlq_max_bytes, wish, err);
}

static int ensure_metrics(struct bus *bus, const struct bus_layout *layout, struct strbuf *err)
{
    struct bus_stream_config metrics = {
        .name = BUS_METRICS_STREAM,
        .subjects = { BUS_METRICS_PREFIX ">" },
        .discard = BUS_DISCARD_OLD,
        .max_bytes = METRICS_BYTES,
        .max_age_usec = USEC_PER_DAY,
        .replicas = layout->replicas,
    };

    return bus_stream_ensure(bus, &metrics, err);
}

/* All streams, the automatic ones as their shares of a store of this size. */
static int ensure_all(struct bus *bus, const struct bus_layout *layout, uint64_t store,
                      struct strbuf *err, uint64_t *ret_stream_max_bytes)
{
    int r = ensure_metrics(bus, layout, err);

    if (r == 0)
        r = ensure_dead_letters(bus, layout,
                                share_of(store, DEAD_STORE_PERCENT, DEAD_BYTES_DEFAULT), err);
    if (r == 0)
        r = ensure_sources(bus, layout, share_of(store, STREAM_STORE_PERCENT, STREAM_BYTES_DEFAULT),
                           err, ret_stream_max_bytes);
    return r;
}

int bus_layout_ensure(struct bus *bus, const struct bus_layout *layout,
                      uint64_t *ret_stream_max_bytes, struct strbuf *err)
{
    struct bus_store_limits limits;
    uint64_t store;
    int r = bus_store_limits_of(bus, &limits, err);

    if (r < 0)
        return r;
    /* An account without limits does not tell how large its server's store is: try. */
    store = limits.max_store ? limits.max_store : STORE_BYTES_ASSUMED;
    while ((r = ensure_all(bus, layout, store, err, ret_stream_max_bytes)) == -ENOSPC &&
           store > STORE_BYTES_LEAST)
        store /= 2;
    return r;
}
