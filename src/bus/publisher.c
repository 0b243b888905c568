/* One connection without threads (polled.h). js_PublishMsgAsync was measured against it: it keeps a
 * copy of every message until its ack, blocks in the caller, and its slots need a sweep of their
 * own. */
#include "bus/publisher.h"

#include <errno.h>
#include <inttypes.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/connection.h"
#include "bus/inflight.h"
#include "bus/message.h"
#include "bus/polled.h"
#include "bus/pub_ack.h"

#define ACK_TIMEOUT_USEC (3 * USEC_PER_SEC)
#define REPLY_MAX 128
#define SUBJECT_MAX 128
#define INBOXES_MAX 16

/* Where the acks of a subject come to. The library swallows the message that says that no stream
 * takes a subject and leaves only which inbox it came to: all that is in flight there is meant. */
struct ack_inbox {
    char subject[SUBJECT_MAX];
    natsSubscription *sub;
};

struct bus_publisher {
    struct polled connection;
    uint64_t ack_timeout_usec;
    natsInbox *prefix;
    struct ack_inbox inboxes[INBOXES_MAX];
    uint32_t inbox_count;
    struct inflight inflight;
    int timer_fd;
    uint64_t timer_usec; /* when timer_fd goes off; 0 = not set */
    bool served;         /* since bus_publisher_next() said false */
};

static void set_timer(struct bus_publisher *p, uint64_t at_usec)
{
    struct itimerspec t = { .it_value = { .tv_sec = (time_t)(at_usec / USEC_PER_SEC),
                                          .tv_nsec = (long)(at_usec % USEC_PER_SEC * 1000) } };

    p->timer_usec = at_usec;
    (void)timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

/* ---- inboxes ---- */

static int subscribe(struct bus_publisher *p, uint32_t index)
{
    struct ack_inbox *inbox = &p->inboxes[index];
    char subject[REPLY_MAX];
    natsStatus s;

    (void)snprintf(subject, sizeof(subject), "%s.%u.*", p->prefix, index);
    s = natsConnection_SubscribeSync(&inbox->sub, p->connection.bus->nc, subject);
    /* As many as there are slots, each a few dozen bytes: bounded by us. */
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(inbox->sub, -1, -1);
    return bus_errno(s);
}

/* The inbox of the subject. With more subjects than inboxes, the last is for all the others. */
static int find_inbox(struct bus_publisher *p, const char *subject, uint32_t *ret_index)
{
    uint32_t i = 0;
    int r;

    while (i < p->inbox_count && strcmp(p->inboxes[i].subject, subject) != 0)
        i++;
    if (i == p->inbox_count && i < INBOXES_MAX) {
        r = subscribe(p, i);
        if (r < 0)
            return r;
        (void)snprintf(p->inboxes[i].subject, SUBJECT_MAX, "%s", subject);
        p->inbox_count++;
    }
    *ret_index = MIN(i, (uint32_t)INBOXES_MAX - 1);
    return 0;
}

/* ---- sending ---- */

static void finish(struct bus_publisher *p, uint64_t id, const struct bus_result *result)
{
    struct inflight_slot *slot = inflight_find(&p->inflight, id);

    if (slot)
        inflight_finish(&p->inflight, slot, result);
}

static void send_message(struct bus_publisher *p, natsMsg *msg, uint64_t id)
{
    struct bus_result result = { 0 };
    natsStatus s = polled_publish(&p->connection, msg);

    if (s == NATS_OK)
        return; /* the ack or the deadline decides */
    if (s == NATS_MAX_PAYLOAD)
        pub_ack_set(&result, BUS_REFUSED, BUS_ERROR_TOO_LARGE,
                    "larger than the server's max_payload");
    else
        pub_ack_set(&result, BUS_UNKNOWN, 0, natsStatus_GetText(s));
    finish(p, id, &result);
    set_timer(p, 1); /* there is an outcome to take */
}

/* One message at a time is with the library: what waits there is moved at every write. */
static void send_queued(struct bus_publisher *p)
{
    natsMsg *msg;
    uint64_t id;

    while (bus_connected(p->connection.bus) && !polled_writing(&p->connection) &&
           (msg = inflight_send(&p->inflight, &id)) != NULL) {
        send_message(p, msg, id);
        natsMsg_Destroy(msg);
    }
}

static int create_message(struct bus_publisher *p, const struct bus_message *message,
                          struct inflight_slot *slot, natsMsg **ret_msg)
{
    char reply[REPLY_MAX];
    int r = find_inbox(p, message->subject, &slot->inbox);

    if (r < 0)
        return r;
    (void)snprintf(reply, sizeof(reply), "%s.%u.%" PRIx64, p->prefix, slot->inbox,
                   inflight_id(&p->inflight, slot));
    return message_to_nats(message, reply, ret_msg);
}

int bus_publish(struct bus_publisher *p, const struct bus_message *message, void *token)
{
    struct inflight_slot *slot;
    natsMsg *msg;
    int r;

    if (!bus_publisher_connected(p))
        return -ENOTCONN;
    if (!message->subject)
        return -EINVAL;
    slot = inflight_reserve(&p->inflight, message->payload.len, token);
    if (!slot)
        return -EAGAIN;
    r = create_message(p, message, slot, &msg);
    if (r < 0) {
        inflight_cancel(&p->inflight, slot);
        return r;
    }
    inflight_queue(&p->inflight, slot, msg, clock_mono_usec() + p->ack_timeout_usec);
    /* Set once and moved when it goes off: no system call for each message. */
    if (!p->timer_usec)
        set_timer(p, inflight_deadline(&p->inflight));
    send_queued(p);
    return 0;
}

/* ---- outcomes ---- */

static void take_ack(struct bus_publisher *p, natsMsg *msg)
{
    const char *id = strrchr(natsMsg_GetSubject(msg), '.');
    struct bus_result result = { 0 };

    pub_ack_parse(span_of(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)), &result);
    if (id)
        finish(p, strtoull(id + 1, NULL, 16), &result);
}

static void take_acks(struct bus_publisher *p, uint32_t index)
{
    natsSubscription *sub = p->inboxes[index].sub;
    struct bus_result none = { 0 };
    natsMsg *msg;
    int count = 0;

    (void)natsSubscription_GetPending(sub, &count, NULL);
    while (count-- > 0) {
        switch (natsSubscription_NextMsg(&msg, sub, /* timeout= */ 0)) {
        case NATS_OK:
            take_ack(p, msg);
            natsMsg_Destroy(msg);
            break;
        case NATS_NO_RESPONDERS:
            pub_ack_no_stream(&none);
            inflight_finish_inbox(&p->inflight, index, &none);
            break;
        default:
            return;
        }
    }
}

static void serve(struct bus_publisher *p)
{
    p->served = true;
    polled_serve(&p->connection);
    send_queued(p);
    for (uint32_t i = 0; i < p->inbox_count; i++)
        take_acks(p, i);
    (void)inflight_expire(&p->inflight, clock_mono_usec());
}

/* Nothing is left to take: the descriptor must be silent until there is. */
static void go_silent(struct bus_publisher *p)
{
    p->served = false;
    if (p->timer_usec && p->timer_usec <= clock_mono_usec())
        set_timer(p, inflight_deadline(&p->inflight)); /* 0 disarms */
}

bool bus_publisher_next(struct bus_publisher *p, struct bus_result *ret)
{
    if (inflight_take(&p->inflight, ret))
        return true;
    if (!p->served) {
        serve(p);
        if (inflight_take(&p->inflight, ret))
            return true;
    }
    go_silent(p);
    return false;
}

int bus_publisher_fd(const struct bus_publisher *p)
{
    return polled_fd(&p->connection);
}

bool bus_publisher_connected(const struct bus_publisher *p)
{
    return bus_connected(p->connection.bus);
}

uint32_t bus_publisher_pending(const struct bus_publisher *p)
{
    return p->inflight.used;
}

/* ---- life ---- */

static void msg_free(void *msg)
{
    natsMsg_Destroy(msg);
}

static int open_timer(struct bus_publisher *p)
{
    struct epoll_event e = { .events = EPOLLIN };

    p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (p->timer_fd < 0)
        return -errno;
    e.data.fd = p->timer_fd;
    return epoll_ctl(polled_fd(&p->connection), EPOLL_CTL_ADD, p->timer_fd, &e) < 0 ? -errno : 0;
}

static int publisher_init(struct bus_publisher *p, const struct bus_publisher_options *options)
{
    int r = inflight_init(&p->inflight, options->max_pending, options->max_pending_bytes, msg_free);

    if (r == 0)
        r = open_timer(p);
    return r < 0 ? r : bus_errno(natsInbox_Create(&p->prefix));
}

int bus_publisher_new(const struct bus_options *bus, const struct bus_publisher_options *options,
                      struct bus_publisher **ret_publisher, struct strbuf *err)
{
    _cleanup_(bus_publisher_freep) struct bus_publisher *p = calloc(1, sizeof(*p));
    int r;

    if (!p) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    p->timer_fd = -1;
    p->ack_timeout_usec = options->ack_timeout_usec ? options->ack_timeout_usec : ACK_TIMEOUT_USEC;
    r = polled_open(&p->connection, bus, err);
    if (r < 0)
        return r;
    r = publisher_init(p, options);
    if (r < 0) {
        strbuf_setf(err, "cannot start a publisher: %s", strerror(-r));
        return r;
    }
    *ret_publisher = TAKE_PTR(p);
    return 0;
}

struct bus_publisher *bus_publisher_free(struct bus_publisher *p)
{
    if (!p)
        return NULL;
    for (uint32_t i = 0; i < p->inbox_count; i++)
        natsSubscription_Destroy(p->inboxes[i].sub);
    polled_close(&p->connection);
    natsInbox_Destroy(p->prefix);
    inflight_release(&p->inflight);
    fd_closep(&p->timer_fd);
    free(p);
    return NULL;
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
