#include "stack/loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

int loop_init(struct loop *loop)
{
    *loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
    return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_release(struct loop *loop)
{
    fd_closep(&loop->epoll_fd);
}

int loop_watch(struct loop *loop, struct loop_source *source, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = source };

    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    source->fd = fd;
    return 0;
}

void loop_unwatch(struct loop *loop, struct loop_source *source)
{
    if (source->fd < 0)
        return;
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source->fd = -1;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
    if (!timer->armed)
        return;
    timer->armed = false;
    for (struct loop_timer **at = &loop->timers; *at; at = &(*at)->next) {
        if (*at != timer)
            continue;
        *at = timer->next;
        return;
    }
}

void loop_timer_in(struct loop *loop, struct loop_timer *timer, uint64_t delay_usec)
{
    struct loop_timer **at = &loop->timers;

    loop_timer_cancel(loop, timer);
    timer->due_usec = clock_mono_usec() + delay_usec;
    timer->armed = true;
    while (*at && (*at)->due_usec <= timer->due_usec)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
}

/* How long epoll may wait, in milliseconds rounded up, so that a timer never fires early. */
static int wait_msec(const struct loop *loop)
{
    uint64_t now = clock_mono_usec();
    uint64_t msec;

    if (!loop->timers)
        return -1;
    if (loop->timers->due_usec <= now)
        return 0;
    msec = (loop->timers->due_usec - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
    return (int)MIN(msec, (uint64_t)INT_MAX);
}

static void run_due_timer(struct loop *loop)
{
    struct loop_timer *timer = loop->timers;

    if (!timer || timer->due_usec > clock_mono_usec())
        return;
    loop_timer_cancel(loop, timer);
    timer->fn(timer->ctx);
}

int loop_step(struct loop *loop)
{
    struct epoll_event event;
    int n = epoll_wait(loop->epoll_fd, &event, 1, wait_msec(loop));

    if (n < 0 && errno != EINTR)
        return -errno;
    if (n > 0) {
        struct loop_source *source = event.data.ptr;

        source->fn(source->ctx, event.events);
    }
    run_due_timer(loop);
    return 0;
}
