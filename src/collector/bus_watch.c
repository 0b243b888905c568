#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "bus/puller.h"
#include "collector/layout.h"
#include "collector/watch.h"

#define TICK_MAX_USEC UINT64_C(500000)
#define LOOK_USEC UINT64_C(2000000)
#define ERROR_TEXT_MAX 512

static void keep_alive(struct collector *c)
{
    uint64_t now = clock_mono_usec();

    for (uint32_t i = 0; i < c->worker_count; i++)
        for (int k = 0; k < WORKER_WORKS; k++)
            work_keep_alive(&c->workers[i].works[k], c->bus, now, collector_keep_usec(c));
}

/* Bytes cannot be counted from a position in the stream on, only estimated from the average. */
static double lag_bytes(const struct bus_stream_state *stream, uint64_t waiting)
{
    if (stream->messages == 0)
        return 0;
    return (double)stream->bytes / (double)stream->messages *
           (double)MIN(waiting, stream->messages);
}

static double lag_seconds(struct collector *c, uint64_t waiting)
{
    int64_t committed = atomic_load(&c->committed_nsec);

    if (waiting == 0 || committed == 0)
        return 0;
    return (double)(clock_wall_nsec() - committed) / (double)NSEC_PER_SEC;
}

static double oldest_seconds(const struct bus_stream_state *stream)
{
    if (stream->messages == 0)
        return 0;
    return (double)(clock_wall_nsec() - stream->first_nsec) / (double)NSEC_PER_SEC;
}

static int look(struct collector *c, struct strbuf *err)
{
    struct bus_consumer_state consumer = { 0 };
    struct bus_stream_state stream = { 0 };
    struct figures *f = &c->figures;
    uint64_t waiting;
    int r;

    r = bus_consumer_state_of(c->bus, c->stream, c->source->durable, &consumer, err);
    if (r == 0)
        r = bus_stream_state_of(c->bus, c->stream, &stream, err);
    if (r < 0)
        return r;
    waiting = consumer.pending + consumer.ack_pending;
    metric_set(f->pending, (double)consumer.pending);
    metric_set(f->ack_pending, (double)consumer.ack_pending);
    metric_set(f->redelivered, (double)consumer.redelivered);
    metric_set(f->stream_bytes, (double)stream.bytes);
    metric_set(f->stream_oldest, oldest_seconds(&stream));
    metric_set(f->lag_bytes, lag_bytes(&stream, waiting));
    metric_set(f->lag_seconds, lag_seconds(c, waiting));
    return 0;
}

/* Health of the bus is: the server answers, and our stream and consumer are there. */
static void look_and_tell(struct collector *c)
{
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, ERROR_TEXT_MAX);
    if (!bus_connected(c->bus)) {
        (void)health_bad(&c->nats, "not connected");
        return;
    }
    r = look(c, &err);
    if (r == 0) {
        (void)health_good(&c->nats);
        return;
    }
    if (r == -ENOENT)
        layout_forget(c);
    (void)health_bad(&c->nats, err.len ? err.ptr : strerror(-r));
}

void *bus_watch_run(void *collector)
{
    struct collector *c = collector;
    uint64_t tick = MIN(collector_keep_usec(c) / 3, TICK_MAX_USEC);
    uint64_t look_at = 0;

    do {
        keep_alive(c);
        if (clock_mono_usec() >= look_at) {
            look_and_tell(c);
            /* Soon again while something is wrong, so that readiness follows quickly. */
            look_at = clock_mono_usec() +
                      (health_is_good(&c->nats, HEALTH_MAX_AGE_USEC, NULL) ? LOOK_USEC : 0);
        }
    } while (!halt_wait(&c->ending, tick));
    return NULL;
}
