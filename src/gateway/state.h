/* What the gateway owns: one for the process, one a loop. */
#pragma once

#include "base/strbuf.h"
#include "gateway/gateway_metrics.h"
#include "gateway/intake.h"
#include "gateway/outbox.h"
#include "gateway/pending.h"
#include "gateway/streams.h"
#include "gateway/worker.h"
#include "service/service.h"

/* Owned by its thread, but for the outbox's gauges. */
struct gateway_loop {
    struct gateway *gateway;
    struct http_loop *http;
    struct outbox outbox;
    struct intake intake;
    struct pending_pool pool;
    struct strbuf answer; /* where answers are written */
};

struct gateway {
    struct service *service;
    struct gateway_metrics metrics;
    struct streams streams;
    struct gateway_loop *loops;
    size_t loop_count;
    struct workers workers;
};

/* The role's start and stop (service/service.h); service->http is made before and freed after. */
int gateway_start(struct service *service, struct strbuf *err) MUST_CHECK;
void gateway_stop(struct service *service);
