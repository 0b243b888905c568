/*
 * The streams of Sluice, in one place: which exist, what they keep, how large they may grow.
 * `sluice init` and every gateway and collector call bus_layout_ensure() at start; it is
 * idempotent.
 */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "bus/bus.h"

struct bus_layout {
    const char *const *sources; /* "facebook", "tiktok", NULL at the end; borrowed */
    uint64_t stream_max_bytes;  /* 0 = automatic: the smaller of 10 GB and 40 % of the store */
    uint64_t dlq_max_bytes;     /* 0 = automatic: the smaller of 1 GB and 10 % of the store */
    uint64_t duplicate_window_usec;
    uint32_t replicas;
};

/* "FACEBOOK_EVENTS" for "facebook". */
#define BUS_STREAM_NAME_MAX 64
void bus_layout_stream_name(const char *source, char ret[BUS_STREAM_NAME_MAX]);

/* Creates or updates all streams. *ret_stream_max_bytes: the limit of the event streams in force
 * (the smallest of them). An automatic size is for new streams: it never raises the limit of one
 * that is there, nor lowers that of one that holds messages; where the account does not tell what
 * its store may hold, they are halved until it takes them. Errors as bus_stream_ensure(). */
int bus_layout_ensure(struct bus *bus, const struct bus_layout *layout,
                      uint64_t *ret_stream_max_bytes, struct strbuf *err) MUST_CHECK;
