/* The first half of a worker: pulls messages, decodes them, hands them to the writer.
 *
 * There is no timer. A batch is handed over as soon as the writer would begin with it and nothing
 * more has come already: a lone event goes through at once, and while the writer is busy the batch
 * grows up to its limits. Once both slots are taken nothing more is pulled: JetStream keeps the
 * backlog. */
#include <errno.h>

#include "base/clock.h"
#include "collector/layout.h"
#include "collector/worker.h"

/* Messages that one pull request asks for. */
#define PULL_MESSAGES 1000
#define PULL_EXPIRES_USEC UINT64_C(200000)
/* With an empty batch: how long to wait for a message before looking around. */
#define IDLE_WAIT_USEC UINT64_C(250000)
/* With a batch in hand and the writer busy: how long before pulling again. */
#define BUSY_WAIT_USEC UINT64_C(20000)
/* A server that deletes a consumer says so before it has removed its files: one that is made again
 * at once takes over half of the old one's state (seen with nats-server 2.9.10). */
#define GONE_WAIT_USEC UINT64_C(1000000)
/* After the last request has expired nothing is delivered any more. */
#define LEFTOVER_WAIT_USEC (PULL_EXPIRES_USEC + UINT64_C(100000))

static void wait_for_bus(struct worker *w, const char *what, const struct strbuf *err)
{
    uint64_t delay = backoff_next(&w->bus_backoff);

    log_warn(w->c->log, "bus.retry", what, KV_BUF("error", err),
             KV_UINT("attempt", w->bus_backoff.attempts), KV_STR("then", "trying again"),
             KV_UINT("inMilliseconds", delay / 1000));
    (void)halt_wait(&w->c->stopping, delay);
}

/* Makes sure that there is something to pull from. */
static bool ready(struct worker *w, struct strbuf *err)
{
    struct collector *c = w->c;
    int r;

    if (atomic_load(&c->layout_ready) && w->puller)
        return true;
    if (w->puller && halt_wait(&c->stopping, GONE_WAIT_USEC))
        return false;
    r = layout_ensure(c, err);
    if (r == 0 && !w->puller)
        r = bus_puller_new(c->bus,
                           &(struct bus_puller_options){
                               .stream = c->stream,
                               .durable = c->source->durable,
                               .batch = PULL_MESSAGES,
                               /* What has come and is not in a batch yet takes memory too. */
                               .max_bytes = c->settings->batch_max_bytes / 2,
                               .expires_usec = PULL_EXPIRES_USEC,
                           },
                           &w->puller, err);
    if (r == 0) {
        backoff_reset(&w->bus_backoff);
        return true;
    }
    wait_for_bus(w, "the streams cannot be prepared", err);
    if (r == -EAGAIN)
        (void)halt_wait(&c->stopping, GONE_WAIT_USEC);
    return false;
}

/* The next message, or NULL when there is none now. */
static struct bus_delivery *next(struct worker *w, uint64_t wait_usec)
{
    _cleanup_strbuf_ struct strbuf err;
    struct bus_delivery *d = NULL;
    int r;

    if (w->aside)
        return TAKE_PTR(w->aside);
    strbuf_init(&err, 1024);
    if (!ready(w, &err))
        return NULL;
    r = bus_puller_next(w->puller, wait_usec, &d);
    if (r == 1)
        return d;
    if (r == -ENOENT) {
        layout_forget(w->c);
        log_warn(w->c->log, "bus.consumer_gone", "the consumer is gone",
                 KV_STR("consumer", w->c->source->durable),
                 KV_STR("then", "making it again; what is stored already will be recognised"));
    } else if (r < 0 && wait_usec > 0) {
        (void)halt_wait(&w->c->stopping, IDLE_WAIT_USEC); /* bus_open()'s log has said why */
    }
    return NULL;
}

/* Adds the message to the batch. false: it is set aside, the batch is complete. */
static bool add(struct worker *w, struct work *work, const struct work_limits *limits,
                struct bus_delivery *delivery)
{
    _cleanup_(bus_delivery_freep) struct bus_delivery *d = delivery;
    struct collector *c = w->c;
    bool suspect = d->deliveries >= SUSPECT_DELIVERIES;
    int r;

    if (work_has(work, d))
        return true;
    if (!work_fits(work, limits, d) || (work->message_count > 0 && work->suspect != suspect)) {
        w->aside = TAKE_PTR(d);
        return false;
    }
    r = work_take(work, d, c->stream, collector_keep_usec(c));
    if (r == 0) {
        d = NULL;
        work->suspect = suspect;
        if (suspect)
            return true;
        (void)pthread_rwlock_rdlock(&c->company);
        r = worker_decode(w, work, work->message_count - 1, w->decoder);
        (void)pthread_rwlock_unlock(&c->company);
        if (r < 0)
            work_drop_last(work);
    }
    if (r < 0)
        log_error(c->log, "fetch.memory", "no memory for a message",
                  KV_STR("then", "it comes again after ACK_WAIT"));
    return r == 0;
}

/* Gathers a batch; it is empty only when the process is stopping. */
static void fill(struct worker *w, struct work *work)
{
    const struct work_limits limits = {
        .events = w->c->settings->batch_max_events,
        .bytes = w->c->settings->batch_max_bytes,
    };

    while (!halt_is_set(&w->c->stopping)) {
        bool empty = work->message_count == 0;
        struct bus_delivery *d = next(w, empty ? IDLE_WAIT_USEC : 0);

        if (d) {
            if (!add(w, work, &limits, d))
                return;
        } else if (!empty && exchange_writer_idle(&w->exchange, BUSY_WAIT_USEC)) {
            return;
        }
    }
}

/* Takes what is still delivered on the last requests. It is given back only afterwards: before, it
 * would come straight back to us on those very requests. */
static void take_leftovers(struct worker *w, struct work *leftovers)
{
    struct bus_delivery *d = TAKE_PTR(w->aside);

    if (w->puller)
        bus_puller_stop(w->puller);
    while (d || (w->puller && bus_puller_next(w->puller, LEFTOVER_WAIT_USEC, &d) == 1)) {
        if (work_take(leftovers, d, w->c->stream, collector_keep_usec(w->c)) < 0)
            (void)bus_delivery_free(d);
        d = NULL;
    }
}

/* What was delivered and not begun: others shall get it at once. */
static void give_back(struct worker *w)
{
    struct work leftovers;

    if (work_init(&leftovers, /* batch_max_bytes= */ 0) < 0)
        return; /* it comes again after ack_wait */
    take_leftovers(w, &leftovers);
    log_debug(w->c->log, "fetch.stopped", "pulling has stopped",
              KV_UINT("givenBack", leftovers.message_count));
    work_answer(&leftovers, w->c->bus, BUS_NAK);
    work_release(&leftovers);
}

void *fetch_run(void *worker)
{
    struct worker *w = worker;
    struct collector *c = w->c;
    int slot;

    while (!halt_is_set(&c->stopping) && (slot = exchange_take_free(&w->exchange)) >= 0) {
        struct work *work = &w->works[slot];

        fill(w, work);
        if (work->message_count == 0) {
            exchange_return(&w->exchange, slot);
            continue;
        }
        metric_observe(c->figures.fetch_seconds,
                       (double)(clock_mono_usec() - work->begun_usec) / 1e6);
        exchange_hand_over(&w->exchange, slot);
    }
    exchange_close(&w->exchange);
    give_back(w);
    atomic_fetch_sub(&c->workers_running, 1);
    return NULL;
}
