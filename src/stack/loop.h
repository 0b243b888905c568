/*
 * The supervisor's event loop: descriptors (epoll) and one-shot timers, one thread, no sleeps.
 * Sources and timers are embedded in their owner's object, which MUST outlive the watch; unwatching
 * and cancelling inside any callback is fine, because only one event is taken from the kernel at a
 * time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

struct loop_source {
    int fd; /* borrowed; -1 while it is not watched */
    void (*fn)(void *ctx, uint32_t events);
    void *ctx;
};

struct loop_timer {
    uint64_t due_usec; /* monotonic; valid while armed */
    void (*fn)(void *ctx);
    void *ctx;
    bool armed;
    struct loop_timer *next;
};

struct loop {
    int epoll_fd;
    struct loop_timer *timers; /* ascending by due time */
};

int loop_init(struct loop *loop) MUST_CHECK;
void loop_release(struct loop *loop);

/* events: EPOLLIN, EPOLLOUT ... Level-triggered. <0 -errno. */
int loop_watch(struct loop *loop, struct loop_source *source, int fd, uint32_t events) MUST_CHECK;
/* Does nothing when it is not watched. MUST be called before the descriptor is closed. */
void loop_unwatch(struct loop *loop, struct loop_source *source);

/* (Re)arms the timer. */
void loop_timer_in(struct loop *loop, struct loop_timer *timer, uint64_t delay_usec);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/* Waits for the next event or timer and runs it. <0 -errno. */
int loop_step(struct loop *loop) MUST_CHECK;
