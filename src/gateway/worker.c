#include "gateway/worker.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

static bool is_stopping(struct workers *w)
{
    bool stopping;

    (void)pthread_mutex_lock(&w->lock);
    stopping = w->stopping;
    (void)pthread_mutex_unlock(&w->lock);
    return stopping;
}

static struct pending *dequeue(struct workers *w)
{
    struct pending *p;

    (void)pthread_mutex_lock(&w->lock);
    p = w->head;
    if (p) {
        w->head = p->next;
        if (!w->head)
            w->tail = NULL;
        p->next = NULL;
        w->depth--;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return p;
}

/* NULL: stop. A worker without work looks after its connection. */
static struct pending *next_request(struct worker *worker)
{
    struct pollfd fds[] = { { .fd = worker->all->work_fd, .events = POLLIN },
                            { .fd = outbox_fd(&worker->outbox), .events = POLLIN } };
    struct pending *p = NULL;
    eventfd_t one;

    while (!p && !is_stopping(worker->all)) {
        (void)poll(fds, ARRAY_SIZE(fds), -1);
        if (fds[1].revents)
            outbox_collect(&worker->outbox);
        if (fds[0].revents && eventfd_read(worker->all->work_fd, &one) == 0)
            p = dequeue(worker->all); /* NULL when it was cancelled */
    }
    return p;
}

static void worker_done(struct pending *p)
{
    http_loop_post(p->loop, &p->post);
}

/* Does not wait for the acks of one request before it takes the next: they come in meanwhile. Each
 * message has an outcome after the ack timeout at the latest; when the process stops nobody is left
 * to hear it. */
static void *worker_thread(void *arg)
{
    struct worker *worker = arg;
    struct pending *p;

    while ((p = next_request(worker)) != NULL) {
        (void)intake_take(&worker->intake, p);
        http_body_release(&p->body);
        p->sealed = true;
        if (pending_done(p))
            worker_done(p);
    }
    return NULL;
}

static int worker_start(struct worker *worker, const struct settings *settings,
                        const struct outbox_options *options, struct strbuf *err)
{
    int r = outbox_init(&worker->outbox, options, err);

    if (r < 0)
        return r;
    r = intake_init(&worker->intake, settings, &worker->outbox, /* on_loop= */ false);
    if (r == 0)
        r = -pthread_create(&worker->thread, NULL, worker_thread, worker);
    if (r < 0) {
        strbuf_setf(err, "a worker thread cannot start: %s", strerror(-r));
        return r;
    }
    worker->started = true;
    return 0;
}

int workers_start(struct workers *w, size_t count, const struct settings *settings,
                  const struct outbox_options *outbox, struct strbuf *err)
{
    struct outbox_options options = *outbox;
    int r = 0;

    options.waits = true;
    options.done = worker_done;
    options.name = "sluice gateway worker";
    (void)pthread_mutex_init(&w->lock, NULL);
    w->ready = true;
    w->work_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    if (w->work_fd < 0) {
        strbuf_setf(err, "eventfd: %s", strerror(errno));
        return -errno;
    }
    w->items = calloc(count, sizeof(*w->items));
    if (!w->items) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    w->count = count;
    for (size_t i = 0; r == 0 && i < count; i++) {
        w->items[i].all = w;
        r = worker_start(&w->items[i], settings, &options, err);
    }
    return r;
}

void workers_stop(struct workers *w)
{
    if (!w->ready)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->stopping = true;
    (void)pthread_mutex_unlock(&w->lock);
    if (w->work_fd >= 0)
        (void)eventfd_write(w->work_fd, UINT32_MAX);
    for (size_t i = 0; i < w->count; i++) {
        if (w->items[i].started)
            (void)pthread_join(w->items[i].thread, NULL);
        intake_release(&w->items[i].intake);
        outbox_release(&w->items[i].outbox);
    }
    free(w->items);
    w->items = NULL;
    w->count = 0;
    fd_closep(&w->work_fd);
    w->ready = false;
}

bool workers_submit(struct workers *w, struct pending *p)
{
    bool room;

    (void)pthread_mutex_lock(&w->lock);
    room = w->depth < WORKER_QUEUE_MAX && !w->stopping;
    if (room) {
        if (w->tail)
            w->tail->next = p;
        else
            w->head = p;
        w->tail = p;
        w->depth++;
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (room)
        (void)eventfd_write(w->work_fd, 1);
    return room;
}

/* Takes p out of the queue; false when it is not there. Under the lock. */
static bool unqueue(struct workers *w, struct pending *p)
{
    struct pending **link = &w->head, *before = NULL;

    for (; *link && *link != p; link = &(*link)->next)
        before = *link;
    if (!*link)
        return false;
    *link = p->next;
    if (w->tail == p)
        w->tail = before;
    p->next = NULL;
    w->depth--;
    return true;
}

bool workers_cancel(struct workers *w, struct pending *p)
{
    bool queued;

    atomic_store(&p->cancelled, true);
    (void)pthread_mutex_lock(&w->lock);
    queued = unqueue(w, p);
    (void)pthread_mutex_unlock(&w->lock);
    return queued;
}

size_t workers_depth(struct workers *w)
{
    size_t depth;

    (void)pthread_mutex_lock(&w->lock);
    depth = w->depth;
    (void)pthread_mutex_unlock(&w->lock);
    return depth;
}
