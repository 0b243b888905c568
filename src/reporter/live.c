#include "reporter/live.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "reporter/live_figures.h"

#define WATCHERS_MAX 64
#define READ_EVERY_USEC (1 * USEC_PER_SEC)
#define READ_AGAIN_USEC (5 * USEC_PER_SEC) /* while a server is away */
#define BEAT_EVERY_USEC (5 * USEC_PER_SEC)
#define FIGURES_MAX_BYTES 4096
#define QUEUE_MAX_BYTES (16 * FIGURES_MAX_BYTES)

struct watcher {
    LIST_ENTRY(watcher) link;
    struct live *live;
    struct http_stream *stream;
};
LIST_HEAD(watchers, watcher);

/* The streams of one loop, touched on it only. */
struct live_loop {
    struct http_post post;
    _Atomic bool posted;
    struct live *live;
    struct watchers watchers;
};

struct live {
    struct service *service;
    struct live_figures *figures; /* the thread's own */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool stopping;
    uint32_t count;        /* watchers */
    struct strbuf message; /* what the loops hand out next */
    struct strbuf event;   /* the last figures, as an event: what a new watcher begins with */
    struct live_loop *loops;
    size_t loop_count;
};

/* On the loop. */
static void hand_out(struct http_post *post)
{
    struct live_loop *loop =
        (struct live_loop *)(void *)((char *)post - offsetof(struct live_loop, post));
    struct live *l = loop->live;
    _cleanup_strbuf_ struct strbuf message;
    struct watcher *w;

    strbuf_init(&message, FIGURES_MAX_BYTES);
    atomic_store(&loop->posted, false); /* before it is read: what comes later is posted again */
    pthread_mutex_lock(&l->lock);
    (void)strbuf_addspan(&message, strbuf_span(&l->message));
    pthread_mutex_unlock(&l->lock);
    LIST_FOREACH (w, &loop->watchers, link)
        http_stream_send(w->stream, strbuf_span(&message));
}

static void publish(struct live *l, const struct strbuf *message, bool is_event)
{
    pthread_mutex_lock(&l->lock);
    strbuf_reset(&l->message);
    (void)strbuf_addspan(&l->message, strbuf_span(message));
    if (is_event) {
        strbuf_reset(&l->event);
        (void)strbuf_addspan(&l->event, strbuf_span(message));
    }
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < l->loop_count; i++)
        if (!atomic_exchange(&l->loops[i].posted, true))
            http_loop_post(http_server_loop(l->service->http, i), &l->loops[i].post);
}

/* Where "at" ends: it moves by itself. */
static struct span without_time(const struct strbuf *figures)
{
    const char *comma = memchr(figures->ptr, ',', figures->len);
    size_t skip = comma ? (size_t)(comma - figures->ptr) : 0;

    return span_of(figures->ptr + skip, figures->len - skip);
}

struct reading {
    struct strbuf now, before; /* figures */
    uint64_t told_usec;        /* when something was sent */
};

/* False: a server is away. */
static bool read_and_tell(struct live *l, struct reading *r)
{
    _cleanup_strbuf_ struct strbuf message;
    uint64_t now = clock_mono_usec();
    bool ok, changed;

    strbuf_init(&message, FIGURES_MAX_BYTES);
    strbuf_reset(&r->now);
    ok = live_figures_read(l->figures, &r->now);
    changed = !span_eq(without_time(&r->now), without_time(&r->before));
    if (!changed && now < r->told_usec + BEAT_EVERY_USEC)
        return ok;
    if (changed)
        (void)strbuf_addf(&message, "event: figures\ndata: %s\n\n", r->now.ptr);
    else
        (void)strbuf_adds(&message, ": still here\n\n");
    if (!strbuf_error(&message))
        publish(l, &message, changed);
    r->told_usec = now;
    strbuf_reset(&r->before);
    (void)strbuf_addspan(&r->before, strbuf_span(&r->now));
    return ok;
}

/* Waits until somebody watches, then for the time. False: stop. */
static bool pause_between(struct live *l, uint64_t usec)
{
    int64_t until = clock_wall_usec() + (int64_t)usec;
    struct timespec ts = {
        .tv_sec = (time_t)(until / USEC_PER_SEC),
        .tv_nsec = (long)(until % USEC_PER_SEC * 1000),
    };
    bool stopping;
    int r = 0;

    pthread_mutex_lock(&l->lock);
    while (!l->stopping && l->count && r == 0)
        r = pthread_cond_timedwait(&l->wake, &l->lock, &ts);
    while (!l->stopping && !l->count)
        (void)pthread_cond_wait(&l->wake, &l->lock);
    stopping = l->stopping;
    pthread_mutex_unlock(&l->lock);
    return !stopping;
}

static void *live_main(void *arg)
{
    struct live *l = arg;
    struct reading r = { .told_usec = 0 };
    uint64_t pause_usec = 0;

    (void)pthread_setname_np(pthread_self(), "live");
    strbuf_init(&r.now, FIGURES_MAX_BYTES);
    strbuf_init(&r.before, FIGURES_MAX_BYTES);
    while (pause_between(l, pause_usec))
        pause_usec = read_and_tell(l, &r) ? (uint64_t)READ_EVERY_USEC : (uint64_t)READ_AGAIN_USEC;
    strbuf_release(&r.now);
    strbuf_release(&r.before);
    return NULL;
}

static int init_loops(struct live *l)
{
    l->loop_count = http_server_loop_count(l->service->http);
    l->loops = calloc(l->loop_count, sizeof(*l->loops));
    if (!l->loops)
        return -ENOMEM;
    for (size_t i = 0; i < l->loop_count; i++) {
        l->loops[i].live = l;
        l->loops[i].post.fn = hand_out;
        LIST_INIT(&l->loops[i].watchers);
    }
    return 0;
}

static void release(struct live *l)
{
    l->figures = live_figures_free(l->figures);
    strbuf_release(&l->message);
    strbuf_release(&l->event);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    free(l->loops);
    free(l);
}

int live_new(struct service *service, struct live **ret, struct strbuf *err)
{
    const struct live_figures_options figures = {
        .database_url = service->settings.database_url,
        .nats_url = service->settings.nats_url,
        .log = &service->log,
    };
    struct live *l = calloc(1, sizeof(*l));
    int r = -ENOMEM;

    if (l) {
        l->service = service;
        strbuf_init(&l->message, FIGURES_MAX_BYTES);
        strbuf_init(&l->event, FIGURES_MAX_BYTES);
        pthread_mutex_init(&l->lock, NULL);
        pthread_cond_init(&l->wake, NULL);
        l->figures = live_figures_new(&figures);
        r = l->figures ? init_loops(l) : -ENOMEM;
    }
    if (r == 0)
        r = -pthread_create(&l->thread, NULL, live_main, l);
    if (r == 0) {
        *ret = l;
        return 0;
    }
    strbuf_setf(err, "cannot start what feeds the page: %s", strerror(-r));
    if (l)
        release(l);
    return r;
}

struct live *live_free(struct live *l)
{
    if (!l)
        return NULL;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    live_figures_cancel(l->figures);
    pthread_join(l->thread, NULL);
    release(l);
    return NULL;
}

uint32_t live_watchers(struct live *l)
{
    uint32_t count;

    pthread_mutex_lock(&l->lock);
    count = l->count;
    pthread_mutex_unlock(&l->lock);
    return count;
}

/* Counts one more; false when there are too many. *ret_event: what it begins with. */
static bool enter(struct live *l, struct strbuf *ret_event)
{
    bool room;

    pthread_mutex_lock(&l->lock);
    room = l->count < WATCHERS_MAX;
    l->count += room;
    (void)strbuf_addspan(ret_event, strbuf_span(&l->event));
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    return room;
}

static void leave(struct live *l)
{
    pthread_mutex_lock(&l->lock);
    l->count--;
    pthread_mutex_unlock(&l->lock);
}

static void on_ended(void *ctx)
{
    struct watcher *w = ctx;

    LIST_REMOVE(w, link);
    leave(w->live);
    free(w);
}

void live_watch(struct live *l, struct http_request *req)
{
    static const struct http_header no_store = { "Cache-Control", "no-store" };
    static const struct http_header later = { "Retry-After", "5" };
    struct live_loop *loop = &l->loops[http_loop_index(req->loop)];
    struct watcher *w = calloc(1, sizeof(*w));
    _cleanup_strbuf_ struct strbuf event;

    strbuf_init(&event, FIGURES_MAX_BYTES);
    if (!w || !enter(l, &event)) {
        free(w);
        http_reply_error(req, 503, "overloaded", "too many pages are open", &later, 1);
        return;
    }
    w->live = l;
    w->stream =
        http_reply_stream(req, "text/event-stream", &no_store, 1, QUEUE_MAX_BYTES, on_ended, w);
    if (!w->stream) {
        leave(l);
        free(w);
        return;
    }
    LIST_INSERT_HEAD(&loop->watchers, w, link);
    http_stream_send(w->stream, SPAN("retry: 2000\n\n"));
    http_stream_send(w->stream, strbuf_span(&event));
}
