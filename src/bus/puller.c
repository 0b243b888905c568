/*
 * A window over $JS.API.CONSUMER.MSG.NEXT: of each request it counts the messages that the server
 * owes, neither sent nor cancelled. A new request goes out when half a batch or less is owed, so
 * that the server always has work while the owner stores what it has, and when the last one is half
 * over, so that a message that comes as one expires finds another.
 *
 * A request that is served in full ends silently; any other should end with a status message that
 * says how much of it is left (Nats-Pending-Messages). But some vanish without either: the server
 * was killed, or, as gaps of a second under load suggest, a message came at the moment of expiry
 * (nats-server 2.9.10). They end by their time, or at once with a new connection.
 */
#include "bus/puller.h"

#include <errno.h>
#include <inttypes.h>
#include <nats/nats.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "bus/connection.h"
#include "bus/delivery.h"
#include "bus/pub_ack.h"

#define SUBJECT_MAX 256
#define REQUEST_MAX 128
#define REQUESTS_MAX 3                   /* out at once */
#define GRACE_USEC (100 * USEC_PER_MSEC) /* of the server's answer to a request that expired */
#define SILENCE_USEC (1 * USEC_PER_SEC)  /* with requests out, before we ask for the consumer */
#define REFUSED_WAIT_USEC (100 * USEC_PER_MSEC) /* before asking again after a refusal */
#define PENDING_SLACK_BYTES (8 * 1024 * 1024)

struct request {
    uint64_t left;      /* messages owed */
    uint64_t sent_usec; /* monotonic */
};

struct bus_puller {
    struct bus *bus;
    struct bus_puller_options options;
    char next_subject[SUBJECT_MAX]; /* of requests */
    char info_subject[SUBJECT_MAX]; /* of the question whether the consumer is there */
    natsInbox *inbox;
    natsSubscription *sub;

    unsigned epoch;                        /* of the connection the requests went out on */
    struct request requests[REQUESTS_MAX]; /* oldest first */
    size_t request_count;
    uint64_t heard_usec; /* when the server said something, or need not */
    uint64_t ask_after_usec;
    bool oversized; /* the next message is larger than max_bytes of a request */
    bool stopped;
};

static uint64_t request_bytes(const struct bus_puller *p)
{
    return p->options.max_bytes / 2; /* two requests are out at most, as a rule */
}

static void ask(struct bus_puller *p, uint64_t now)
{
    char request[REQUEST_MAX];
    uint32_t batch = p->oversized ? 1 : p->options.batch;
    int n;

    if (p->oversized || request_bytes(p) == 0)
        n = snprintf(request, sizeof(request), "{\"batch\":%" PRIu32 ",\"expires\":%" PRIu64 "}",
                     batch, p->options.expires_usec * 1000);
    else
        n = snprintf(request, sizeof(request),
                     "{\"batch\":%" PRIu32 ",\"max_bytes\":%" PRIu64 ",\"expires\":%" PRIu64 "}",
                     batch, request_bytes(p), p->options.expires_usec * 1000);
    if (natsConnection_PublishRequest(p->bus->nc, p->next_subject, p->inbox, request, n) !=
        NATS_OK) {
        p->ask_after_usec = now + REFUSED_WAIT_USEC;
        return;
    }
    p->oversized = false;
    if (p->request_count == 0)
        p->heard_usec = now;
    p->requests[p->request_count++] = (struct request){ .left = batch, .sent_usec = now };
}

static uint64_t owed(const struct bus_puller *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->request_count; i++)
        sum += p->requests[i].left;
    return sum;
}

static void drop_oldest(struct bus_puller *p)
{
    p->request_count--;
    memmove(p->requests, p->requests + 1, p->request_count * sizeof(p->requests[0]));
}

/* The server serves its requests in turn; which one it was makes no difference to the sum. */
static void forget(struct bus_puller *p, uint64_t messages)
{
    while (p->request_count > 0 && p->requests[0].left <= messages) {
        messages -= p->requests[0].left;
        drop_oldest(p);
    }
    if (p->request_count > 0)
        p->requests[0].left -= messages;
}

/* When the oldest request has ended for certain. */
static uint64_t oldest_ends(const struct bus_puller *p)
{
    return p->requests[0].sent_usec + p->options.expires_usec + GRACE_USEC;
}

/* When to ask even though enough is owed; only with requests out. */
static uint64_t renew_at(const struct bus_puller *p)
{
    return p->requests[p->request_count - 1].sent_usec + p->options.expires_usec / 2;
}

int bus_puller_waiting(const struct bus_puller *p)
{
    int messages = 0;

    return natsSubscription_GetPending(p->sub, &messages, NULL) == NATS_OK ? messages : 0;
}

/* What was sent in answer to an old request may still wait here. */
static bool all_taken(const struct bus_puller *p)
{
    return bus_puller_waiting(p) == 0;
}

static bool should_ask(const struct bus_puller *p, uint64_t now)
{
    if (p->stopped || p->request_count == REQUESTS_MAX || now < p->ask_after_usec)
        return false;
    return owed(p) <= p->options.batch / 2 || (now >= renew_at(p) && all_taken(p));
}

/* Forgets requests that can have no answer any more and asks when it is time. */
static void top_up(struct bus_puller *p)
{
    uint64_t now = clock_mono_usec();
    unsigned epoch = atomic_load(&p->bus->epoch);

    if (p->epoch != epoch)
        p->request_count = 0;
    p->epoch = epoch;
    if (p->request_count > 0 && now >= p->heard_usec + SILENCE_USEC) {
        (void)natsConnection_PublishRequest(p->bus->nc, p->info_subject, p->inbox, NULL, 0);
        p->heard_usec = now;
    }
    while (p->request_count > 0 && now >= oldest_ends(p) && all_taken(p))
        drop_oldest(p);
    if (should_ask(p, now))
        ask(p, now);
}

static uint64_t header_number(natsMsg *msg, const char *name, uint64_t otherwise)
{
    const char *text = NULL;
    uint64_t n;

    if (natsMsgHeader_Get(msg, name, &text) != NATS_OK || parse_u64(span_str(text), &n) < 0)
        return otherwise;
    return n;
}

static const char *header_text(natsMsg *msg, const char *name)
{
    const char *text = NULL;

    return natsMsgHeader_Get(msg, name, &text) == NATS_OK && text ? text : "";
}

/* A request was refused or cut short: the texts are nats-server's (server/consumer.go). */
static int on_conflict(struct bus_puller *p, const char *text, uint64_t left)
{
    if (strncmp(text, "Consumer Deleted", 16) == 0 || strncmp(text, "Consumer is push", 16) == 0)
        return -ENOENT;
    if (strncmp(text, "Message Size Exceeds", 20) == 0) {
        p->oversized = left == p->options.batch;
        return 0;
    }
    p->ask_after_usec = clock_mono_usec() + REFUSED_WAIT_USEC;
    return 0;
}

static int on_status(struct bus_puller *p, natsMsg *msg)
{
    const char *status = header_text(msg, "Status");
    uint64_t left = header_number(msg, "Nats-Pending-Messages", p->options.batch);

    if (strcmp(status, "100") == 0) /* an idle heartbeat ends nothing */
        return 0;
    forget(p, left);
    if (strcmp(status, "409") == 0)
        return on_conflict(p, header_text(msg, "Description"), left);
    if (strcmp(status, "408") != 0 && strcmp(status, "404") != 0)
        p->ask_after_usec = clock_mono_usec() + REFUSED_WAIT_USEC;
    return 0;
}

/* The answer to the question for the consumer. */
static int on_info(natsMsg *msg)
{
    struct bus_result answer;

    pub_ack_parse(span_of(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)), &answer);
    if (answer.outcome != BUS_REFUSED)
        return 0;
    return answer.error_code == JS_CONSUMER_NOT_FOUND || answer.error_code == JS_STREAM_NOT_FOUND
               ? -ENOENT
               : 0;
}

/* JetStream is not up (yet). */
static int on_no_responders(struct bus_puller *p)
{
    p->request_count = 0;
    p->ask_after_usec = clock_mono_usec() + REFUSED_WAIT_USEC;
    return 0;
}

/* 1: a message. 0: none yet, go on. */
static int take_one(struct bus_puller *p, uint64_t wait_usec, struct bus_delivery **ret_delivery)
{
    natsMsg *msg = NULL;
    natsStatus s = natsSubscription_NextMsg(&msg, p->sub, (int64_t)(wait_usec / USEC_PER_MSEC));
    int r;

    if (s == NATS_NO_RESPONDERS)
        return on_no_responders(p);
    if (s == NATS_TIMEOUT ||
        s == NATS_SLOW_CONSUMER) /* what was dropped comes again after ack_wait */
        return 0;
    if (s != NATS_OK)
        return bus_errno(s);
    p->heard_usec = clock_mono_usec();
    r = delivery_new(msg, ret_delivery);
    if (r == 0) {
        forget(p, 1);
        return 1;
    }
    if (r == -EBADMSG)
        r = natsMsg_GetDataLength(msg) > 0 ? on_info(msg) : on_status(p, msg);
    natsMsg_Destroy(msg);
    return r;
}

/* How long to wait before there is something else to do than to take a message. */
static uint64_t next_wait(const struct bus_puller *p, uint64_t now, uint64_t until)
{
    uint64_t wake = until;

    if (p->request_count > 0)
        wake = MIN(wake, oldest_ends(p));
    if (!p->stopped) {
        if (p->request_count > 0 && p->request_count < REQUESTS_MAX)
            wake = MIN(wake, MAX(renew_at(p), p->ask_after_usec));
        else if (p->ask_after_usec > now)
            wake = MIN(wake, p->ask_after_usec);
    }
    return wake <= now ? 0 : MAX(wake - now, (uint64_t)USEC_PER_MSEC);
}

int bus_puller_next(struct bus_puller *p, uint64_t timeout_usec, struct bus_delivery **ret_delivery)
{
    uint64_t now = clock_mono_usec();
    uint64_t until = now + timeout_usec;

    for (;;) {
        /* What waits already is given out even when the connection is gone. */
        int r = take_one(p, 0, ret_delivery);

        if (r != 0)
            return r;
        now = clock_mono_usec();
        if (!bus_connected(p->bus)) {
            if (!bus_wait_connected(p->bus, until > now ? until - now : 0))
                return -ENOTCONN;
            continue;
        }
        top_up(p);
        if (p->stopped && p->request_count == 0)
            return 0;
        r = take_one(p, next_wait(p, now, until), ret_delivery);
        if (r != 0)
            return r;
        if (clock_mono_usec() >= until)
            return 0;
    }
}

void bus_puller_stop(struct bus_puller *p)
{
    p->stopped = true;
}

static int subscribe(struct bus_puller *p)
{
    int bytes = (int)MIN(p->options.max_bytes * 2 + PENDING_SLACK_BYTES, (uint64_t)INT32_MAX);
    natsStatus s = natsInbox_Create(&p->inbox);

    if (s == NATS_OK)
        s = natsConnection_SubscribeSync(&p->sub, p->bus->nc, p->inbox);
    /* Never reached while requests are answered as asked: what is dropped here comes only after
     * ack_wait. */
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(
            p->sub, (int)MIN((uint64_t)p->options.batch * 4 + 1024, (uint64_t)INT32_MAX), bytes);
    return bus_errno(s);
}

int bus_puller_new(struct bus *bus, const struct bus_puller_options *options,
                   struct bus_puller **ret_puller, struct strbuf *err)
{
    _cleanup_(bus_puller_freep) struct bus_puller *p = calloc(1, sizeof(*p));
    int r = -ENOMEM;

    if (p) {
        p->bus = bus;
        p->options = *options;
        (void)snprintf(p->next_subject, sizeof(p->next_subject), "$JS.API.CONSUMER.MSG.NEXT.%s.%s",
                       options->stream, options->durable);
        (void)snprintf(p->info_subject, sizeof(p->info_subject), "$JS.API.CONSUMER.INFO.%s.%s",
                       options->stream, options->durable);
        r = subscribe(p);
    }
    if (r < 0) {
        strbuf_setf(err, "cannot start to pull %s from %s: %s", options->durable, options->stream,
                    strerror(-r));
        return r;
    }
    *ret_puller = TAKE_PTR(p);
    return 0;
}

struct bus_puller *bus_puller_free(struct bus_puller *p)
{
    if (!p)
        return NULL;
    bus_retire(p->bus, p->sub);
    natsInbox_Destroy(p->inbox);
    free(p);
    return NULL;
}
