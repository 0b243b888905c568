/*
 * The streams of Sluice, in one place: which exist, what they keep, how large they may grow. `sluice
 * init` and every gateway and collector call bus_layout_ensure() at start; it is idempotent.
 */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "bus/bus.h"

struct bus_layout {
    const char *const *sources; /* "facebook", "tiktok", NULL at the end; borrowed */
    uint64_t stream_max_bytes;  /* 0 = the smaller of 10 GB and 40 % of what the store may hold */
    uint64_t dlq_max_bytes;     /* 0 = 1 GB, or 10 % of the store if that is less */
    uint64_t duplicate_window_usec;
    uint32_t replicas;
};

/* "FACEBOOK_EVENTS" for "facebook". */
#define BUS_STREAM_NAME_MAX 64
void bus_layout_stream_name(const char *source, char ret[BUS_STREAM_NAME_MAX]);

/* Creates or updates all streams. *ret_stream_max_bytes: the limit of each event stream in force.
 * Errors as bus_stream_ensure(). */
int bus_layout_ensure(struct bus *bus, const struct bus_layout *layout,
                      uint64_t *ret_stream_max_bytes, struct strbuf *err) MUST_CHECK;
