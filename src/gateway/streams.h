/*
 * Whether the streams take messages, known before anything of a request is published. A background
 * thread with a connection of its own creates the streams, looks at their state every second, and
 * does both again after a reconnect; the threads that publish report refusals and missing acks,
 * which close a stream at once. A closed stream opens again when a look at it succeeded that began
 * after the last report.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "bus/bus.h"
#include "bus/layout.h"
#include "gateway/failure.h"
#include "gateway/lane.h"
#include "service/service.h"

struct stream_gate {
    char name[BUS_STREAM_NAME_MAX];
    _Atomic int closed;       /* enum failure; FAILURE_NONE = open */
    _Atomic uint64_t room;    /* bytes it still takes */
    _Atomic uint64_t reports; /* how often a publisher closed it */
};

struct streams {
    struct stream_gate gates[STREAM_COUNT];
    struct bus *bus; /* the background connection; bus_publish_sync() on it is allowed to others */
    struct log *log;
    struct bus_layout layout;
    const char *sources[SOURCE_COUNT + 1]; /* what layout points to */
    bool laid_out, laid_out_once;
    uint64_t reconnects; /* of the connection when the streams were laid out */

    bool started;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake, first_good;
    bool stopping, kicked, were_good;
    char why[256]; /* why it is not ready; "" = it is */
};

/* Connects and starts the thread. <0 with *err. streams_stop() in every case. */
int streams_start(struct streams *s, struct service *service, struct strbuf *err) MUST_CHECK;
/* Waits until all streams were good once, `usec` at most: with NATS away the gateway starts all the
 * same. */
void streams_wait(struct streams *s, uint64_t usec);

/* Joins the thread, which may wait some seconds for a server that hangs, and closes the connection.
 * A zeroed struct is fine. streams_stop_soon() only tells the thread, so that other things can be
 * stopped meanwhile. */
void streams_stop(struct streams *s);
void streams_stop_soon(struct streams *s);

/* FAILURE_NONE when every stream of the mask (STREAM_BIT) takes `bytes` more. Any thread; no lock.
 */
enum failure streams_check(const struct streams *s, unsigned mask, uint64_t bytes);

/* A publisher was refused by the stream or got no ack; error: the server's words. Any thread. */
void streams_report(struct streams *s, int stream, enum failure failure, const char *error);

/* Whether the server answers and the streams exist; a full stream counts as ready. Any thread. */
bool streams_ready(struct streams *s, struct strbuf *err);
