/*
 * Deletes the oldest messages of a stream one by one, many requests on their way at once.
 *
 * STREAM.PURGE with a sequence would do it in one request, and must not be used: with it
 * nats-server 2.9.10 forgets what its consumers have delivered and not seen acked, also far above
 * that sequence. What a collector had in hand when it died would then never come again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bus/bus.h"
#include "bus/connection.h"

#define SUBJECT_MAX 256
#define REQUEST_MAX 64
#define REPLIES_MAX 128 /* out at once: what others ask of the server must get through */
#define DELETED "\"success\":true"

struct trim {
    struct bus *bus;
    char subject[SUBJECT_MAX];
    natsInbox *inbox;
    natsSubscription *sub;
    uint64_t next, below; /* sequences to ask for */
    uint64_t waiting;     /* requests without an answer */
    uint64_t deleted;
    char refusal[SUBJECT_MAX]; /* the server's words for the last one it did not delete */
};

static void trim_release(struct trim *t)
{
    if (t->sub)
        (void)natsSubscription_Unsubscribe(t->sub);
    natsSubscription_Destroy(t->sub);
    natsInbox_Destroy(t->inbox);
}

static natsStatus ask(struct trim *t)
{
    char request[REQUEST_MAX];
    int n = snprintf(request, sizeof(request), "{\"seq\":%" PRIu64 ",\"no_erase\":true}", t->next);
    natsStatus s = natsConnection_PublishRequest(t->bus->nc, t->subject, t->inbox, request, n);

    if (s == NATS_OK) {
        t->next++;
        t->waiting++;
    }
    return s;
}

/* A sequence that is not there any more is as good as deleted. */
static natsStatus take_answer(struct trim *t)
{
    natsMsg *msg = NULL;
    natsStatus s = natsSubscription_NextMsg(&msg, t->sub, BUS_API_TIMEOUT_MSEC);
    struct span answer;

    if (s != NATS_OK)
        return s;
    answer = span_of(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
    t->waiting--;
    if (natsMsg_IsNoResponders(msg))
        s = NATS_NO_RESPONDERS;
    else if (answer.len && memmem(answer.ptr, answer.len, DELETED, strlen(DELETED)))
        t->deleted++;
    else
        (void)snprintf(t->refusal, sizeof(t->refusal), "%.*s", SPAN_ARG(answer));
    natsMsg_Destroy(msg);
    return s;
}

static natsStatus run(struct trim *t)
{
    natsStatus s = natsInbox_Create(&t->inbox);

    if (s == NATS_OK)
        s = natsConnection_SubscribeSync(&t->sub, t->bus->nc, t->inbox);
    while (s == NATS_OK && (t->next < t->below || t->waiting > 0)) {
        while (s == NATS_OK && t->next < t->below && t->waiting < REPLIES_MAX)
            s = ask(t);
        if (s == NATS_OK)
            s = take_answer(t);
    }
    return s;
}

int bus_stream_trim(struct bus *bus, const char *stream, uint64_t first_seq, uint64_t below_seq,
                    uint64_t *ret_deleted, struct strbuf *err)
{
    _cleanup_(trim_release) struct trim t = {
        .bus = bus,
        .next = MAX(first_seq, UINT64_C(1)),
        .below = below_seq,
    };
    natsStatus s;
    int r = bus_check_connected(bus, err);

    if (r < 0)
        return r;
    (void)snprintf(t.subject, sizeof(t.subject), "$JS.API.STREAM.MSG.DELETE.%s", stream);
    s = run(&t);
    *ret_deleted = t.deleted;
    if (s != NATS_OK)
        return bus_api_errno(s, 0, "cannot trim stream", stream, err);
    if (t.deleted > 0 || !t.refusal[0])
        return 0;
    strbuf_setf(err, "cannot trim stream %s: %s", stream, t.refusal);
    return -EIO;
}
