/* wrk as a load generator: 64 connections that POST one unique event each. */
#pragma once

#include <stdint.h>

#include "admin/bench/bench.h"

struct wrk_result {
    double requests_per_second;
    double p99_msec;
    uint64_t errors; /* answers that were not 2xx, and socket errors */
};

/* -ENOENT when wrk is not installed. */
int wrk_run(struct bench *b, uint32_t port, const char *path, uint64_t seconds,
            struct wrk_result *ret, struct strbuf *err) MUST_CHECK;
