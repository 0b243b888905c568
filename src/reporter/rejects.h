/*
 * What was rejected, read from the stream of dead letters, newest first: for a pool whose thread
 * has a connection to NATS. The connection is made in the background; a report that finds none
 * fails with -ENOTCONN.
 *
 * A stream is read forwards, so the report reads windows from its end towards its beginning, at
 * most REJECTS_SCAN_MAX letters and a few seconds of it. Payloads are left where they are: they are
 * people's data.
 */
#pragma once

#include "base/log.h"
#include "reporter/pool.h"

#define REJECTS_SCAN_MAX 50000

struct rejects_craft_options {
    const char *nats_url;
    struct log *log; /* borrowed */
};

extern const struct pool_craft rejects_craft;
