#include "admin/bench/load.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define EVENTS_PER_REQUEST 1000
#define CONNECTIONS 8
/* Events that may be on their way at once: enough to keep every part busy, little enough to stay in
 * the page cache and to drain in about two seconds. */
#define WINDOW_EVENTS 200000

static int next_body(void *ctx, struct strbuf *out)
{
    struct load *l = ctx;

    atomic_fetch_add(&l->sent, EVENTS_PER_REQUEST);
    return bench_events_array(l->bench->events, EVENTS_PER_REQUEST, /* bulk= */ false, out);
}

static bool window_open(void *ctx)
{
    struct load *l = ctx;

    return !atomic_load(&l->stop) &&
           atomic_load(&l->sent) < atomic_load(&l->stored) + WINDOW_EVENTS;
}

static void *run(void *arg)
{
    struct load *l = arg;
    struct client_options options = {
        .port = stack_port(l->stack, "gateway"),
        .path = "/webhook/events",
        .connections = CONNECTIONS,
        .rate = l->rate / EVENTS_PER_REQUEST,
        .duration_usec = l->max_usec,
        .events_per_request = EVENTS_PER_REQUEST,
        .body = next_body,
        .may_send = window_open,
        .stop = &l->stop,
        .ctx = l,
    };

    l->status = client_run(&options, &l->result, &l->err);
    return NULL;
}

int load_start(struct load *l, struct strbuf *err)
{
    uint64_t stored;
    int r;

    strbuf_init(&l->err, 1024);
    atomic_store(&l->stop, false);
    stored = load_watch(l);
    atomic_store(&l->sent, stored);
    r = pthread_create(&l->thread, NULL, run, l);
    if (r)
        strbuf_setf(err, "cannot start a thread: %s", strerror(r));
    return -r;
}

uint64_t load_watch(struct load *l)
{
    double facebook = stack_metric(l->stack, "fb-collector", "fb_collector_events_processed_total");
    double tiktok = stack_metric(l->stack, "ttk-collector", "ttk_collector_events_processed_total");

    if (facebook >= 0 && tiktok >= 0)
        atomic_store(&l->stored, (uint64_t)(facebook + tiktok));
    return atomic_load(&l->stored);
}

int load_stop(struct load *l, struct strbuf *err)
{
    int r;

    atomic_store(&l->stop, true);
    (void)pthread_join(l->thread, NULL);
    r = l->status;
    if (r < 0)
        strbuf_setf(err, "%s", l->err.ptr);
    else if (l->result.failed) {
        strbuf_setf(err, "%llu requests were not answered 200",
                    (unsigned long long)l->result.failed);
        r = -EIO;
    }
    strbuf_release(&l->err);
    return r;
}
