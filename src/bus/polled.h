/*
 * A connection without threads of its own for reading and writing: the thread of its owner does
 * both, when a descriptor says so, and never blocks in it. The library still reconnects and pings
 * from threads of its own; what they change here stands under the lock.
 *
 * The owner MUST look at polled_fd() all the time: a server that gets no answer to its pings drops
 * the connection.
 */
#pragma once

#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "bus/bus.h"

struct polled {
    struct bus *bus;
    int epoll_fd;
    pthread_mutex_t
        lock;     /* guards all below; taken inside the library's locks, never around them */
    int fd;       /* the connection's socket, -1 while there is none */
    bool writing; /* the library holds bytes that the socket had no room for */
    bool armed;   /* the epoll looks for room as well */
};

/* Connects like bus_open(). polled_close() in every case; a zeroed struct is fine for that. */
int polled_open(struct polled *p, const struct bus_options *options, struct strbuf *err) MUST_CHECK;
void polled_close(struct polled *p);

/* An epoll; the owner may add descriptors of its own. */
static inline int polled_fd(const struct polled *p)
{
    return p->epoll_fd;
}

/* Hands a message to the library, which copies it, and writes what the socket takes. */
natsStatus polled_publish(struct polled *p, natsMsg *msg) MUST_CHECK;
/* Whether a part of what was published still waits for room in the socket. */
bool polled_writing(struct polled *p);
/* Reads and writes what is possible now. */
void polled_serve(struct polled *p);
/* Makes the descriptor readable once. Any thread. */
void polled_wake(struct polled *p);

/* For bus_open(): sets the callbacks. */
natsStatus polled_set_options(struct polled *p, natsOptions *options);
