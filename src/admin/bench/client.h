/*
 * The benchmark's HTTP client: one thread, many kept-alive connections, one request in flight on
 * each. It exists beside src/load/http_load.h because libcurl costs about 30 µs a request, which
 * would be half of what is measured on a small machine.
 *
 * With a rate it is an open loop: requests are due at fixed times and latency counts from then, so
 * that a stall of the server is seen by every request it delayed. Without one each connection sends
 * as soon as it has its answer.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "admin/bench/histogram.h"
#include "base/macros.h"
#include "base/strbuf.h"

struct client_options {
    uint32_t port; /* on 127.0.0.1 */
    const char *path;
    uint32_t connections;
    double rate;            /* requests/s; 0 = as fast as answers come */
    uint64_t duration_usec; /* stops sending then */
    uint64_t requests_max;  /* 0 = no limit */
    uint32_t events_per_request;
    /* Appends the next request's body. */
    int (*body)(void *ctx, struct strbuf *out);
    /* Instead of path and body: appends path and query of the next request, which is a GET. */
    int (*target)(void *ctx, struct strbuf *out);
    const char *headers; /* besides, each with its \r\n; NULL = none */
    size_t answer_max;   /* header and body of an answer; 0 = 64 KiB */
    /* Whether to send now; asked before each request, NULL = always. For bounding a backlog. */
    bool (*may_send)(void *ctx);
    /* Set to true by anyone: sends no more. May be NULL. */
    _Atomic bool *stop;
    /* About ten times a second: progress. May be NULL. */
    void (*tick)(void *ctx);
    void *ctx;
};

struct client_result {
    uint64_t ok;       /* answered 200 */
    uint64_t failed;   /* answered anything else, or not */
    uint64_t events;   /* in requests answered 200 */
    uint64_t bytes;    /* of the bodies of all answers */
    int failed_status; /* of the last one that failed */
    uint64_t took_usec;
    struct histogram latency;
};

/* Runs to its end. <0 with *err when it cannot connect or the server misbehaves. */
int client_run(const struct client_options *options, struct client_result *ret,
               struct strbuf *err) MUST_CHECK;
