/*
 * The sizes of the streams on a cluster that `up --cluster` starts. Each server holds a copy of
 * every stream and reserves its size; a server of nats-server 2.9.10 that starts again does not
 * survive streams that together are larger than its store. So the sizes are settled before the
 * roles start, instead of by trying (bus/layout.h), and stay the same from start to start.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"

struct nats_sizes {
    uint64_t stream_bytes; /* STREAM_MAX_BYTES, of each of two event streams */
    uint64_t dlq_bytes;    /* DLQ_MAX_BYTES, of dead letters, and as much for unreadable bodies */
};

/* store_bytes: max_file_store of each server. stream, dlq: as set; 0 = to be chosen. -ENOSPC with
 * *err when what is set does not fit. */
int nats_sizes_choose(uint64_t store_bytes, uint64_t stream, uint64_t dlq, struct nats_sizes *ret,
                      struct strbuf *err) MUST_CHECK;
