/* One inbox for all acks of a publisher (_INBOX.<nuid>.<id of the message>), and one thread that
 * hands messages to the library: the library's publish blocks up to the write deadline while a
 * server does not read, and on the connection's lock while it reconnects; the owner must never wait
 * for that.
 *
 * js_PublishMsgAsync was measured against this: it keeps a copy of every message until its ack,
 * blocks in the caller, and its slots need a sweep of their own. */
#include "bus/publisher.h"

#include <errno.h>
#include <inttypes.h>
#include <nats/nats.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/connection.h"
#include "bus/inflight.h"
#include "bus/message.h"
#include "bus/pub_ack.h"

#define ACK_TIMEOUT_USEC (3 * USEC_PER_SEC)
#define WRITER_LOOK_USEC                                                                           \
    (100 * USEC_PER_MSEC) /* how late the writer sees a stop while disconnected */
#define REPLY_MAX 96

struct bus_publisher {
    struct bus *bus;
    uint64_t ack_timeout_usec;
    natsInbox *inbox;
    natsSubscription *acks;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct inflight inflight;
    bool writer_waits;
    bool signaled; /* event_fd is readable */
    bool stop;
    bool acks_ended;     /* no callback comes any more */
    uint64_t timer_usec; /* when timer_fd goes off; 0 = not set */

    pthread_t writer;
    bool writer_runs;
    int event_fd, timer_fd;
    int epoll_fd; /* holds the two */
};

static void lock(struct bus_publisher *p)
{
    (void)pthread_mutex_lock(&p->lock);
}

static void unlock(struct bus_publisher *p)
{
    (void)pthread_mutex_unlock(&p->lock);
}

/* ---- outcomes, from the library's thread or the writer's ---- */

static void finish(struct bus_publisher *p, uint64_t id, const struct bus_result *result)
{
    struct inflight_slot *slot;
    bool signal = false;

    lock(p);
    slot = inflight_find(&p->inflight, id);
    if (slot) {
        inflight_finish(&p->inflight, slot, result);
        signal = !p->signaled;
        p->signaled = true;
    }
    unlock(p);
    if (signal)
        (void)eventfd_write(p->event_fd, 1);
}

static void on_ack(UNUSED natsConnection *nc, UNUSED natsSubscription *sub, natsMsg *msg,
                   void *closure)
{
    struct bus_publisher *p = closure;
    const char *id = strrchr(natsMsg_GetSubject(msg), '.');
    struct bus_result result = { 0 };

    if (natsMsg_IsNoResponders(msg))
        pub_ack_no_stream(&result);
    else
        pub_ack_parse(span_of(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)), &result);
    if (id)
        finish(p, strtoull(id + 1, NULL, 16), &result);
    natsMsg_Destroy(msg);
}

static void on_acks_ended(void *closure)
{
    struct bus_publisher *p = closure;

    lock(p);
    p->acks_ended = true;
    (void)pthread_cond_broadcast(&p->changed);
    unlock(p);
}

/* ---- the writer ---- */

static bool still_wanted(struct bus_publisher *p, uint64_t id)
{
    bool wanted;

    lock(p);
    wanted = !p->stop && inflight_find(&p->inflight, id);
    unlock(p);
    return wanted;
}

/* Hands one message to the library; waits for the connection until its deadline. */
static void write_message(struct bus_publisher *p, natsMsg *msg, uint64_t id)
{
    struct bus_result result = { 0 };
    natsStatus s = NATS_INSUFFICIENT_BUFFER;

    while (s == NATS_INSUFFICIENT_BUFFER && still_wanted(p, id))
        if (bus_wait_connected(p->bus, WRITER_LOOK_USEC))
            s = natsConnection_PublishMsg(p->bus->nc, msg);
    if (s == NATS_OK || s == NATS_INSUFFICIENT_BUFFER)
        return; /* the ack, the deadline or the end of the publisher decides */
    if (s == NATS_MAX_PAYLOAD)
        pub_ack_set(&result, BUS_REFUSED, BUS_ERROR_TOO_LARGE,
                    "larger than the server's max_payload");
    else
        pub_ack_set(&result, BUS_UNKNOWN, 0, natsStatus_GetText(s));
    finish(p, id, &result);
}

static natsMsg *wait_for_message(struct bus_publisher *p, uint64_t *ret_id)
{
    natsMsg *msg = NULL;

    lock(p);
    while (!p->stop && !(msg = inflight_send(&p->inflight, ret_id))) {
        p->writer_waits = true;
        (void)pthread_cond_wait(&p->changed, &p->lock);
        p->writer_waits = false;
    }
    unlock(p);
    return msg;
}

static void *writer_main(void *arg)
{
    struct bus_publisher *p = arg;
    natsMsg *msg;
    uint64_t id;

    (void)pthread_setname_np(pthread_self(), "bus-writer");
    while ((msg = wait_for_message(p, &id)) != NULL) {
        write_message(p, msg, id);
        natsMsg_Destroy(msg);
    }
    return NULL;
}

/* ---- life ---- */

static int watch(int epoll_fd, int fd)
{
    struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int open_fds(struct bus_publisher *p)
{
    int r;

    p->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (p->event_fd < 0 || p->timer_fd < 0 || p->epoll_fd < 0)
        return -errno;
    r = watch(p->epoll_fd, p->event_fd);
    return r < 0 ? r : watch(p->epoll_fd, p->timer_fd);
}

static int subscribe_acks(struct bus_publisher *p)
{
    char subject[REPLY_MAX];
    natsStatus s = natsInbox_Create(&p->inbox);

    if (s == NATS_OK) {
        (void)snprintf(subject, sizeof(subject), "%s.*", p->inbox);
        s = natsConnection_Subscribe(&p->acks, p->bus->nc, subject, on_ack, p);
    }
    if (s == NATS_OK)
        s = natsSubscription_SetOnCompleteCB(p->acks, on_acks_ended, p);
    /* As many as there are slots, each a few dozen bytes: bounded by us. */
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(p->acks, -1, -1);
    return bus_errno(s);
}

static void msg_free(void *msg)
{
    natsMsg_Destroy(msg);
}

static int publisher_start(struct bus_publisher *p, const struct bus_publisher_options *options)
{
    int r = inflight_init(&p->inflight, options->max_pending, options->max_pending_bytes, msg_free);

    if (r == 0)
        r = open_fds(p);
    if (r == 0)
        r = subscribe_acks(p);
    if (r == 0)
        r = -pthread_create(&p->writer, NULL, writer_main, p);
    if (r == 0)
        p->writer_runs = true;
    return r;
}

static struct bus_publisher *publisher_alloc(void)
{
    struct bus_publisher *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->event_fd = p->timer_fd = p->epoll_fd = -1;
    if (pthread_mutex_init(&p->lock, NULL) != 0)
        goto no_lock;
    if (bus_cond_init(&p->changed) < 0)
        goto no_cond;
    return p;
no_cond:
    (void)pthread_mutex_destroy(&p->lock);
no_lock:
    free(p);
    return NULL;
}

int bus_publisher_new(struct bus *bus, const struct bus_publisher_options *options,
                      struct bus_publisher **ret_publisher, struct strbuf *err)
{
    _cleanup_(bus_publisher_freep) struct bus_publisher *p = publisher_alloc();
    int r;

    if (!p) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    p->bus = bus;
    p->ack_timeout_usec = options->ack_timeout_usec ? options->ack_timeout_usec : ACK_TIMEOUT_USEC;
    r = publisher_start(p, options);
    if (r < 0) {
        strbuf_setf(err, "cannot start a publisher: %s", strerror(-r));
        return r;
    }
    *ret_publisher = TAKE_PTR(p);
    return 0;
}

static void stop_writer(struct bus_publisher *p)
{
    lock(p);
    p->stop = true;
    (void)pthread_cond_broadcast(&p->changed);
    unlock(p);
    if (p->writer_runs)
        (void)pthread_join(p->writer, NULL);
}

/* The library's delivery thread may be in on_ack() until it has said that it ended. */
static void end_acks(struct bus_publisher *p)
{
    if (!p->acks)
        return;
    (void)natsSubscription_Unsubscribe(p->acks);
    natsSubscription_Destroy(p->acks);
    lock(p);
    while (!p->acks_ended)
        (void)pthread_cond_wait(&p->changed, &p->lock);
    unlock(p);
}

struct bus_publisher *bus_publisher_free(struct bus_publisher *p)
{
    if (!p)
        return NULL;
    stop_writer(p);
    end_acks(p);
    natsInbox_Destroy(p->inbox);
    inflight_release(&p->inflight);
    fd_closep(&p->epoll_fd);
    fd_closep(&p->timer_fd);
    fd_closep(&p->event_fd);
    (void)pthread_cond_destroy(&p->changed);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

/* ---- the owner's side ---- */

static void set_timer(struct bus_publisher *p, uint64_t at_usec)
{
    struct itimerspec t = { .it_value = { .tv_sec = (time_t)(at_usec / USEC_PER_SEC),
                                          .tv_nsec = (long)(at_usec % USEC_PER_SEC * 1000) } };

    p->timer_usec = at_usec;
    (void)timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

static int create_message(struct bus_publisher *p, const struct bus_message *message,
                          const struct inflight_slot *slot, natsMsg **ret_msg)
{
    char reply[REPLY_MAX];

    (void)snprintf(reply, sizeof(reply), "%s.%" PRIx64, p->inbox, inflight_id(&p->inflight, slot));
    return message_to_nats(message, reply, ret_msg);
}

static void queue_message(struct bus_publisher *p, struct inflight_slot *slot, natsMsg *msg)
{
    bool wake;

    lock(p);
    inflight_queue(&p->inflight, slot, msg, clock_mono_usec() + p->ack_timeout_usec);
    /* Set once and moved when it goes off: no system call for each message. */
    if (!p->timer_usec)
        set_timer(p, inflight_deadline(&p->inflight));
    wake = p->writer_waits;
    unlock(p);
    if (wake)
        (void)pthread_cond_signal(&p->changed);
}

int bus_publish(struct bus_publisher *p, const struct bus_message *message, void *token)
{
    struct inflight_slot *slot;
    natsMsg *msg;
    int r;

    if (!bus_connected(p->bus))
        return -ENOTCONN;
    lock(p);
    slot = inflight_reserve(&p->inflight, message->payload.len, token);
    unlock(p);
    if (!slot)
        return -EAGAIN;
    /* Copied without the lock: a reserved slot is the owner's alone. */
    r = create_message(p, message, slot, &msg);
    if (r < 0) {
        lock(p);
        inflight_cancel(&p->inflight, slot);
        unlock(p);
        return r;
    }
    queue_message(p, slot, msg);
    return 0;
}

int bus_publisher_fd(const struct bus_publisher *p)
{
    return p->epoll_fd;
}

/* Nothing is left to take: both descriptors must be silent until there is. */
static void go_silent(struct bus_publisher *p, uint64_t now)
{
    uint64_t count;

    if (p->signaled)
        (void)eventfd_read(p->event_fd, &count);
    p->signaled = false;
    if (p->timer_usec && p->timer_usec <= now)
        set_timer(p, inflight_deadline(&p->inflight)); /* 0 disarms */
}

bool bus_publisher_next(struct bus_publisher *p, struct bus_result *ret)
{
    bool taken;

    lock(p);
    taken = inflight_take(&p->inflight, ret);
    if (!taken) {
        uint64_t now = clock_mono_usec();

        if (inflight_expire(&p->inflight, now))
            taken = inflight_take(&p->inflight, ret);
        else
            go_silent(p, now);
    }
    unlock(p);
    return taken;
}

uint32_t bus_publisher_pending(struct bus_publisher *p)
{
    uint32_t n;

    lock(p);
    n = p->inflight.used;
    unlock(p);
    return n;
}

/* ---- one at a time ---- */

static int errno_of_outcome(const struct bus_result *result)
{
    switch (result->outcome) {
    case BUS_STORED:
    case BUS_DUPLICATE:
        return 0;
    case BUS_REFUSED:
        return -EIO;
    case BUS_UNKNOWN:
        break;
    }
    return -ETIMEDOUT;
}

static void result_of_reply(natsStatus s, natsMsg *reply, struct bus_result *ret)
{
    if (s == NATS_OK)
        pub_ack_parse(span_of(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)), ret);
    else if (s == NATS_NO_RESPONDERS)
        pub_ack_no_stream(ret);
    else if (s == NATS_MAX_PAYLOAD)
        pub_ack_set(ret, BUS_REFUSED, BUS_ERROR_TOO_LARGE, "larger than the server's max_payload");
    else
        pub_ack_set(ret, BUS_UNKNOWN, 0, natsStatus_GetText(s));
}

int bus_publish_sync(struct bus *bus, const struct bus_message *message, uint64_t timeout_usec,
                     struct bus_result *ret_result)
{
    natsMsg *msg = NULL, *reply = NULL;
    natsStatus s;
    int r;

    if (!bus_connected(bus))
        return -ENOTCONN;
    r = message_to_nats(message, NULL, &msg);
    if (r < 0)
        return r;
    s = natsConnection_RequestMsg(&reply, bus->nc, msg,
                                  MAX((int64_t)(timeout_usec / USEC_PER_MSEC), 1));
    natsMsg_Destroy(msg);
    if (s == NATS_INSUFFICIENT_BUFFER) /* reconnecting: nothing was sent */
        return -ENOTCONN;
    *ret_result = (struct bus_result){ 0 };
    result_of_reply(s, reply, ret_result);
    natsMsg_Destroy(reply);
    return errno_of_outcome(ret_result);
}
