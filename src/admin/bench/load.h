/*
 * Load on a whole stack with a bounded backlog: events are posted as fast as they are stored, never
 * more than a window ahead, so that what is measured is the steady state of the slowest part.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "admin/bench/bench.h"
#include "admin/bench/client.h"
#include "admin/bench/stack_ctl.h"

struct load {
    struct bench *bench;
    const struct stack *stack;
    double rate;       /* events/s, 0 = as fast as they are stored */
    uint64_t max_usec; /* ends by itself at the latest then */

    /* private */
    pthread_t thread;
    _Atomic bool stop;
    _Atomic uint64_t sent;   /* events handed to the gateway */
    _Atomic uint64_t stored; /* as load_watch() last saw it */
    struct client_result result;
    struct strbuf err;
    int status;
};

/* Starts posting on a thread of its own. */
int load_start(struct load *l, struct strbuf *err) MUST_CHECK;
/* Reads how many events the collectors have stored since the stack began, which also moves the
 * window; call it some times a second. */
uint64_t load_watch(struct load *l);
/* Stops, waits for the answers. <0 with *err when a request was not answered 200. */
int load_stop(struct load *l, struct strbuf *err) MUST_CHECK;
