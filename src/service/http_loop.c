/*
 * A loop thread. It sleeps in an epoll of its own that holds MHD's epoll, an eventfd for posts and
 * the watched descriptors. Connections are resumed on this thread only, and MHD runs right after,
 * so that resuming costs no system call.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/http_private.h"

#define EVENTS_MAX 32
/* With a connection parked MHD would never sleep. It may have something to do besides, so that it
 * is not slept on for long; it does not say. */
#define PARKED_LOOK_MSEC 1
#define UNSENT_USEC (500 * USEC_PER_MSEC) /* for the last answers of a stopping loop */

static int add_fd(struct http_loop *loop, int fd, void *ptr)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = ptr };

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void http_loop_post(struct http_loop *loop, struct http_post *post)
{
    struct http_post *head = atomic_load_explicit(&loop->posts, memory_order_relaxed);
    uint64_t one = 1;

    do
        post->next = head;
    while (!atomic_compare_exchange_weak_explicit(&loop->posts, &head, post, memory_order_release,
                                                  memory_order_relaxed));
    if (!head) /* the first of several wakes the loop for all */
        (void)!write(loop->event_fd, &one, sizeof(one));
}

static void run_posts(struct http_loop *loop)
{
    struct http_post *newest, *oldest = NULL;

    if (!atomic_load_explicit(&loop->posts, memory_order_relaxed))
        return;
    newest = atomic_exchange_explicit(&loop->posts, NULL, memory_order_acquire);
    while (newest) {
        struct http_post *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct http_post *next = oldest->next; /* fn may free or post it again */

        oldest->fn(oldest);
        oldest = next;
    }
}

/* Milliseconds to sleep, rounded up so that a deadline has passed on waking; -1 = until something
 * comes. */
static int sleep_msec(struct http_loop *loop)
{
    uint64_t deadline =
        MIN(MIN(http_deadlines_next(loop), http_room_next(loop)), http_gone_next(loop));
    uint64_t now, msec = UINT64_MAX;
    MHD_UNSIGNED_LONG_LONG mhd_msec;

    if (loop->again)
        return 0;
    if (MHD_get_timeout(loop->mhd, &mhd_msec) == MHD_YES)
        msec = mhd_msec;
    if (msec == 0 && loop->parked && !loop->progress)
        msec = PARKED_LOOK_MSEC;
    if (msec == 0)
        return 0;
    if (loop->stopping)
        deadline = MIN(deadline, loop->stop_by_usec);
    if (deadline != UINT64_MAX) {
        now = clock_mono_usec();
        msec = MIN(msec, deadline <= now ? 0 : (deadline - now + 999) / 1000);
    }
    return msec > INT32_MAX ? -1 : (int)msec;
}

static void dispatch(struct http_loop *loop, const struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++) {
        struct loop_hook *watch = events[i].data.ptr;
        uint64_t count;

        if (events[i].data.ptr == &loop->event_fd)
            (void)!read(loop->event_fd, &count, sizeof(count));
        else if (watch)
            watch->fn(watch->ctx);
    }
}

/* Tells http_server_stop() when nothing is in flight here and no client may still send something:
 * after a turn of MHD, so that requests which were in the socket buffers when the drain began have
 * been seen. */
static void report_drained(struct http_loop *loop)
{
    struct http_server *s = loop->server;

    bool settled = !atomic_load_explicit(&loop->inflight, memory_order_relaxed) &&
                   TAILQ_EMPTY(&loop->lists[LIST_IDLE]);

    if (!loop->draining)
        return;
    (void)pthread_mutex_lock(&s->lock);
    loop->settled = settled;
    if (settled)
        (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

/* A full daemon leaves the listening socket out of its epoll, and takes it up again only on the run
 * after the one that closed a connection: nothing else would wake it for that. */
static void run_mhd(struct http_loop *loop)
{
    uint64_t before = atomic_load_explicit(&loop->connections, memory_order_relaxed);

    loop->again = loop->progress = false;
    (void)MHD_run(loop->mhd);
    if (atomic_load_explicit(&loop->connections, memory_order_relaxed) < before)
        loop->again = true;
}

static void turn(struct http_loop *loop)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, sleep_msec(loop));

    loop->now_usec = clock_mono_usec();
    dispatch(loop, events, n);
    run_posts(loop);
    run_mhd(loop);
    for (size_t i = 0; i < loop->hook_count; i++)
        loop->hooks[i].fn(loop->hooks[i].ctx);
    http_deadlines_expire(loop);
    http_room_make(loop);
    http_gone_look(loop);
    if (loop->draining)
        http_deadlines_end_idle(loop);
    if (loop->stopping && http_deadlines_cut_all(loop))
        atomic_store(&loop->server->cut_off, true);
    report_drained(loop);
}

static bool has_unsent(const struct http_loop *loop)
{
    return !TAILQ_EMPTY(&loop->lists[LIST_SENDING]) && clock_mono_usec() < loop->stop_by_usec;
}

void *http_loop_main(void *arg)
{
    struct http_loop *loop = arg;
    char name[16];

    loop->self = pthread_self();
    (void)snprintf(name, sizeof(name), "http-%u", (unsigned)loop->index % 1000);
    (void)pthread_setname_np(pthread_self(), name);
    while (!loop->stopping || has_unsent(loop))
        turn(loop);
    run_posts(loop);
    (void)http_deadlines_cut_all(loop);
    (void)MHD_run(loop->mhd); /* takes up what was resumed: MHD cannot stop with suspended ones */
    MHD_stop_daemon(loop->mhd);
    loop->mhd = NULL;
    return NULL;
}

/* Connections that the kernel has accepted already are served: for their clients they are open. An
 * inherited socket goes on to live in another process, which takes them. */
static void accept_rest(struct http_loop *loop, int listen_fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    int fd;

    while ((fd = accept4(listen_fd, (struct sockaddr *)&address, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        (void)MHD_add_connection(loop->mhd, fd, (struct sockaddr *)&address, len);
        len = sizeof(address);
    }
}

static void on_drain(struct http_post *post)
{
    struct http_loop *loop =
        (struct http_loop *)(void *)((char *)post - offsetof(struct http_loop, drain_post));
    struct http_server *s = loop->server;

    loop->draining = true;
    loop->drained_usec = clock_mono_usec();
    (void)MHD_quiesce_daemon(loop->mhd);
    http_streams_end(loop);
    if (atomic_fetch_sub(&s->accepting, 1) > 1)
        return;
    if (s->options.listen_fd < 0)
        accept_rest(loop, s->listen_fd);
    (void)close(TAKE_FD(s->listen_fd));
}

static void on_stop(struct http_post *post)
{
    struct http_loop *loop =
        (struct http_loop *)(void *)((char *)post - offsetof(struct http_loop, stop_post));

    loop->stopping = true;
    loop->stop_by_usec = clock_mono_usec() + UNSENT_USEC;
}

int http_loop_init(struct http_loop *loop, struct http_server *server, size_t index)
{
    int r;

    loop->server = server;
    loop->index = index;
    loop->places = (server->options.connections_max + server->loop_count - 1) / server->loop_count;
    loop->drain_post.fn = on_drain;
    loop->stop_post.fn = on_stop;
    for (size_t i = 0; i < LIST_COUNT; i++)
        TAILQ_INIT(&loop->lists[i]);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->event_fd < 0)
        return -errno;
    r = add_fd(loop, loop->event_fd, &loop->event_fd);
    if (r < 0)
        return r;
    r = http_conn_start_daemon(loop);
    if (r < 0)
        return r;
    return add_fd(loop, MHD_get_daemon_info(loop->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, NULL);
}

void http_loop_release(struct http_loop *loop)
{
    if (loop->mhd) { /* never ran */
        (void)MHD_quiesce_daemon(loop->mhd);
        MHD_stop_daemon(loop->mhd);
    }
    exchange_free_all(loop);
    fd_closep(&loop->epoll_fd);
    fd_closep(&loop->event_fd);
}

size_t http_loop_index(const struct http_loop *loop)
{
    return loop->index;
}

void http_loop_on_turn(struct http_loop *loop, http_turn_fn fn, void *ctx)
{
    if (loop->hook_count == LOOP_HOOKS_MAX)
        abort(); /* a mistake in the program */
    loop->hooks[loop->hook_count++] = (struct loop_hook){ fn, ctx };
}

int http_loop_watch(struct http_loop *loop, int fd, http_turn_fn fn, void *ctx)
{
    struct loop_hook *watch = &loop->watches[loop->watch_count];
    int r;

    if (loop->watch_count == LOOP_WATCHES_MAX)
        return -ENOSPC;
    *watch = (struct loop_hook){ fn, ctx };
    r = add_fd(loop, fd, watch);
    if (r >= 0)
        loop->watch_count++;
    return r;
}
