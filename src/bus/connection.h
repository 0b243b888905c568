/* What the files of src/bus/ share about the connection; nobody else includes it. */
#pragma once

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "bus/bus.h"

/* The library holds its connection's lock while it writes (up to the write deadline) and while it
 * reconnects (up to the connect timeout). So nothing that must not wait asks the library for its
 * state: the callbacks keep it here. */
struct polled;
struct retired;

struct bus {
    natsConnection *nc;
    struct polled *polled; /* who reads and writes; NULL: the library's threads */
    jsCtx *js;
    struct log *log; /* borrowed; may be NULL */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    bool told;              /* a callback has set the state */
    bool closed;            /* the library's last callback came */
    atomic_bool closing;    /* we close it */
    atomic_bool connected;
    atomic_uint epoch; /* counts connections made: requests of an older one are lost */
    _Atomic uint64_t errors;
    void (*given_up)(void *ctx); /* as in struct bus_options */
    void *ctx;
    struct retired *retired; /* see bus_retire(); under the lock */
};

#define BUS_API_TIMEOUT_MSEC 5000

/* nats-server, server/errors.json */
enum {
    JS_NO_PEERS = 10005,
    JS_CLUSTER_NOT_AVAILABLE = 10008, /* an election is under way */
    JS_CLUSTER_NOT_LEADER = 10009,
    JS_CONSUMER_NOT_FOUND = 10014,
    JS_NO_MESSAGE_FOUND = 10037,
    JS_SEQUENCE_NOT_FOUND = 10043,
    JS_STORAGE_EXCEEDED = 10047,
    JS_STREAM_NAME_IN_USE = 10058,
    JS_STREAM_NOT_FOUND = 10059,
    JS_STREAM_OFFLINE = 10118, /* no server that holds it is up */
    JS_CONSUMER_OFFLINE = 10119,
};

/* As bus_open(), for a connection without threads; see polled.h. *ret_bus is set before callbacks
 * come. */
int bus_open_polled(const struct bus_options *options, struct polled *polled, struct bus **ret_bus,
                    struct strbuf *err) MUST_CHECK;
/* Changes the state and wakes who waits for it. */
void bus_set_connected(struct bus *bus, bool connected);

/* The errno of a status of the library. */
int bus_errno(natsStatus s) MUST_CHECK;

/* The same for an answer of the JetStream API; *err: "<what> <name>: <the server's words>". */
int bus_api_errno(natsStatus s, jsErrCode code, const char *what, const char *name,
                  struct strbuf *err) MUST_CHECK;

/* Unsubscribes, and destroys the subscription as soon as the library cannot touch it any more: now,
 * after a round trip to the server, or with the connection. For connections that the library's own
 * threads read. */
void bus_retire(struct bus *bus, natsSubscription *sub);
/* For bus_close(), when the library's threads have ended. */
void bus_destroy_retired(struct bus *bus);

/* 0, or -ENOTCONN with *err for a person. */
int bus_check_connected(struct bus *bus, struct strbuf *err) MUST_CHECK;

/* For pthread_cond_timedwait() on a CLOCK_MONOTONIC condition. */
struct timespec bus_deadline_after(uint64_t usec) MUST_CHECK;
int bus_cond_init(pthread_cond_t *cond) MUST_CHECK;
