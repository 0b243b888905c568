/* The library's interface for event loops. It wants to be told of room in the socket after each
 * message; we write at once instead, and ask the kernel only when the socket was full: one system
 * call a message. */
#include "bus/polled.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bus/connection.h"

/* What this thread writes to right now: a wish to write from within is not one to wait for. */
static _Thread_local const struct polled *driven;

static void lock(struct polled *p)
{
    (void)pthread_mutex_lock(&p->lock);
}

static void unlock(struct polled *p)
{
    (void)pthread_mutex_unlock(&p->lock);
}

/* Under the lock. */
static void arm(struct polled *p, bool armed)
{
    struct epoll_event e = { .events = armed ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.fd = p->fd };

    if (p->fd < 0 || p->armed == armed)
        return;
    p->armed = armed;
    (void)epoll_ctl(p->epoll_fd, EPOLL_CTL_MOD, p->fd, &e);
}

/* ---- what the library calls, with its connection locked ---- */

static natsStatus on_attach(void **user_data, void *loop, UNUSED natsConnection *nc, natsSock fd)
{
    struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
    struct polled *p = loop;
    int r;

    *user_data = p;
    lock(p);
    r = epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &e);
    if (r == 0) {
        p->fd = fd;
        p->armed = p->writing = false;
    }
    unlock(p);
    return r == 0 ? NATS_OK : NATS_SYS_ERROR;
}

static void detach(struct polled *p)
{
    lock(p);
    if (p->fd >= 0)
        (void)epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, p->fd, NULL);
    p->fd = -1;
    p->armed = p->writing = false;
    unlock(p);
}

/* The socket is about to be closed. Nothing may be published from here on: the thread that
 * reconnects holds the connection's lock for as long as an attempt takes. */
static natsStatus on_read(void *user_data, bool add)
{
    struct polled *p = user_data;

    if (!add) {
        bus_set_connected(p->bus, false);
        detach(p);
    }
    return NATS_OK;
}

static natsStatus on_write(void *user_data, bool add)
{
    struct polled *p = user_data;

    lock(p);
    p->writing = add;
    if (driven != p)
        arm(p, add);
    unlock(p);
    return NATS_OK;
}

static natsStatus on_detach(void *user_data)
{
    detach(user_data);
    return NATS_OK;
}

/* ---- the owner's side ---- */

bool polled_writing(struct polled *p)
{
    bool writing;

    lock(p);
    writing = p->writing;
    unlock(p);
    return writing;
}

/* To be called with `driven` set: with nothing to write, the library would take the connection for
 * closed. */
static void write_now(struct polled *p)
{
    if (polled_writing(p))
        natsConnection_ProcessWriteEvent(p->bus->nc);
}

static void rest(struct polled *p)
{
    driven = NULL;
    lock(p);
    arm(p, p->writing);
    unlock(p);
}

natsStatus polled_publish(struct polled *p, natsMsg *msg)
{
    natsStatus s;

    driven = p;
    s = natsConnection_PublishMsg(p->bus->nc, msg);
    if (s == NATS_OK)
        write_now(p);
    rest(p);
    return s;
}

void polled_serve(struct polled *p)
{
    if (bus_connected(p->bus)) {
        driven = p;
        natsConnection_ProcessReadEvent(p->bus->nc);
        write_now(p);
    }
    rest(p);
}

void polled_wake(struct polled *p)
{
    lock(p);
    arm(p, true);
    unlock(p);
}

/* ---- life ---- */

natsStatus polled_set_options(struct polled *p, natsOptions *options)
{
    return natsOptions_SetEventLoop(options, p, on_attach, on_read, on_write, on_detach);
}

int polled_open(struct polled *p, const struct bus_options *options, struct strbuf *err)
{
    *p = (struct polled){ .fd = -1 };
    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (p->epoll_fd < 0) {
        strbuf_setf(err, "epoll_create1: %s", strerror(errno));
        return -errno;
    }
    (void)pthread_mutex_init(&p->lock, NULL);
    return bus_open_polled(options, p, &p->bus, err);
}

void polled_close(struct polled *p)
{
    p->bus = bus_close(p->bus);
    if (p->epoll_fd > 0) {
        (void)close(p->epoll_fd);
        (void)pthread_mutex_destroy(&p->lock);
    }
    *p = (struct polled){ 0 };
}
