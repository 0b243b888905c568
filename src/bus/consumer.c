/* Pull consumers: made, brought up to date, looked at. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bus/connection.h"
#include "bus/puller.h"

#define PROBE_INACTIVE_NSEC (5 * NSEC_PER_SEC)
#define HEARING_TIMEOUT_MSEC 2000
#define HEARING_ATTEMPTS 2
#define SUBJECT_MAX 256

static bool consumer_equal(const jsConsumerConfig *a, const jsConsumerConfig *b)
{
    return a->AckWait == b->AckWait && a->MaxAckPending == b->MaxAckPending && a->MaxDeliver <= 0 &&
           strcmp(a->FilterSubject ? a->FilterSubject : "",
                  b->FilterSubject ? b->FilterSubject : "") == 0;
}

static int consumer_check(const jsConsumerInfo *have, const char *durable, struct strbuf *err)
{
    const char *deliver = have->Config->DeliverSubject;

    if (have->Config->AckPolicy == js_AckExplicit && (!deliver || !*deliver))
        return 0;
    strbuf_setf(err, "consumer %s is not a pull consumer with explicit acks: delete it first",
                durable);
    return -EIO;
}

static int consumer_info(struct bus *bus, const char *stream, const char *durable,
                         jsConsumerInfo **ret, struct strbuf *err)
{
    jsOptions options = { .Wait = BUS_API_TIMEOUT_MSEC };
    jsErrCode code = 0;
    natsStatus s;
    int r = bus_check_connected(bus, err);

    if (r < 0)
        return r;
    s = js_GetConsumerInfo(ret, bus->js, stream, durable, &options, &code);
    return bus_api_errno(s, code, "cannot read consumer", durable, err);
}

/* It answers a request for messages that is no JSON: "400 Bad Request". */
static natsStatus consumer_ping(struct bus *bus, const struct bus_consumer_config *config)
{
    natsMsg *answer = NULL;
    char subject[SUBJECT_MAX];
    natsStatus s = NATS_TIMEOUT;

    (void)snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.MSG.NEXT.%s.%s", config->stream,
                   config->durable);
    for (int i = 0; s == NATS_TIMEOUT && i < HEARING_ATTEMPTS; i++)
        s = natsConnection_RequestString(&answer, bus->nc, subject, "{", HEARING_TIMEOUT_MSEC);
    natsMsg_Destroy(answer);
    return s;
}

/* When several clients create a stream at once, the second one is told that it is there before it
 * is whole. A consumer that is made then has no way out of the server: it takes requests, and all
 * that it sends is lost, for as long as the server runs (nats-server 2.9.10, `outq` in
 * server/consumer.go; seen once in 744 attempts on a busy machine). Such a one is deleted. */
static int consumer_check_hearing(struct bus *bus, const struct bus_consumer_config *config,
                                  struct strbuf *err)
{
    jsOptions options = { .Wait = BUS_API_TIMEOUT_MSEC };
    jsConsumerInfo *info = NULL;
    jsErrCode code = 0;
    natsStatus s = consumer_ping(bus, config);
    int r;

    if (s != NATS_TIMEOUT)
        return bus_api_errno(s, code, "cannot reach consumer", config->durable, err);
    /* It is not the server that is silent. */
    r = consumer_info(bus, config->stream, config->durable, &info, err);
    jsConsumerInfo_Destroy(info);
    if (r < 0)
        return r;
    s = js_DeleteConsumer(bus->js, config->stream, config->durable, &options, &code);
    r = bus_api_errno(s, code, "cannot delete consumer, which answers nothing,", config->durable,
                      err);
    if (r < 0)
        return r;
    strbuf_setf(err, "consumer %s answered nothing and was deleted; it is to be made again",
                config->durable);
    return -EAGAIN;
}

static int consumer_make(struct bus *bus, const struct bus_consumer_config *config,
                         struct strbuf *err)
{
    jsOptions options = { .Wait = BUS_API_TIMEOUT_MSEC };
    jsConsumerInfo *have = NULL;
    jsConsumerConfig want;
    jsErrCode code = 0;
    natsStatus s;
    bool same;
    int r = consumer_info(bus, config->stream, config->durable, &have, err);

    if (r < 0 && r != -ENOENT)
        return r;
    (void)jsConsumerConfig_Init(&want); /* deliver all, explicit ack, max_deliver unlimited */
    want.Durable = config->durable;
    want.FilterSubject = config->filter_subject;
    want.AckWait = (int64_t)config->ack_wait_usec * 1000;
    want.MaxAckPending = (int64_t)config->max_ack_pending;
    r = have ? consumer_check(have, config->durable, err) : 0;
    same = have && consumer_equal(have->Config, &want);
    jsConsumerInfo_Destroy(have);
    if (r < 0 || same)
        return r;
    s = js_AddConsumer(NULL, bus->js, config->stream, &want, &options, &code);
    return bus_api_errno(s, code, "cannot create or update consumer", config->durable, err);
}

int bus_consumer_ensure(struct bus *bus, const struct bus_consumer_config *config,
                        struct strbuf *err)
{
    int r = consumer_make(bus, config, err);

    return r == 0 ? consumer_check_hearing(bus, config, err) : r;
}

int bus_consumer_state_of(struct bus *bus, const char *stream, const char *durable,
                          struct bus_consumer_state *ret, struct strbuf *err)
{
    jsConsumerInfo *info = NULL;
    int r = consumer_info(bus, stream, durable, &info, err);

    if (r < 0)
        return r;
    *ret = (struct bus_consumer_state){
        .pending = info->NumPending,
        .ack_pending = (uint64_t)MAX(info->NumAckPending, 0),
        .redelivered = (uint64_t)MAX(info->NumRedelivered, 0),
        .ack_floor_seq = info->AckFloor.Stream,
        .delivered_seq = info->Delivered.Stream,
        .delivered = info->Delivered.Consumer,
    };
    jsConsumerInfo_Destroy(info);
    return 0;
}

static int floor_of(const jsConsumerInfoList *list, const char *durable, struct bus_floor *ret)
{
    struct bus_floor floor = { .seq = UINT64_MAX };
    bool found = false;

    for (int i = 0; i < list->Count; i++) {
        const jsConsumerInfo *info = list->List[i];
        bool own = strcmp(info->Name, durable) == 0;
        uint64_t seq = info->AckFloor.Stream;

        found = found || own;
        if (seq > floor.seq || (own && seq == floor.seq))
            continue;
        floor.seq = seq;
        (void)snprintf(floor.consumer, sizeof(floor.consumer), "%s", info->Name);
    }
    if (!found)
        return -ENOENT;
    *ret = floor;
    return 0;
}

int bus_stream_floor(struct bus *bus, const char *stream, const char *durable,
                     struct bus_floor *ret, struct strbuf *err)
{
    jsOptions options = { .Wait = BUS_API_TIMEOUT_MSEC };
    jsConsumerInfoList *list = NULL;
    jsErrCode code = 0;
    natsStatus s;
    int r = bus_check_connected(bus, err);

    if (r < 0)
        return r;
    s = js_Consumers(&list, bus->js, stream, &options, &code);
    r = bus_api_errno(s, code, "cannot list the consumers of", stream, err);
    if (r == 0)
        r = floor_of(list, durable, ret);
    if (r == -ENOENT)
        strbuf_setf(err, "consumer %s of stream %s is not there", durable, stream);
    jsConsumerInfoList_Destroy(list);
    return r;
}

/* A consumer that starts at that time tells where it would begin; the server knows how to search.
 * It is deleted at once, or by the server if we do not get that far. */
int bus_stream_seq_since(struct bus *bus, const char *stream, int64_t nsec, uint64_t *ret_seq,
                         struct strbuf *err)
{
    jsOptions options = { .Wait = BUS_API_TIMEOUT_MSEC };
    jsConsumerInfo *info = NULL;
    jsConsumerConfig config;
    jsErrCode code = 0;
    natsStatus s;
    int r = bus_check_connected(bus, err);

    if (r < 0)
        return r;
    (void)jsConsumerConfig_Init(&config);
    config.DeliverPolicy = js_DeliverByStartTime;
    /* libnats 3.4.1 writes a fraction without its leading zeros, up to 0.9 s too late. */
    config.OptStartTime = MAX(nsec - nsec % NSEC_PER_SEC, NSEC_PER_SEC);
    config.AckPolicy = js_AckNone;
    config.HeadersOnly = true;
    config.InactiveThreshold = PROBE_INACTIVE_NSEC;
    s = js_AddConsumer(&info, bus->js, stream, &config, &options, &code);
    r = bus_api_errno(s, code, "cannot look into stream", stream, err);
    if (r < 0)
        return r;
    *ret_seq = info->Delivered.Stream + 1;
    (void)js_DeleteConsumer(bus->js, stream, info->Name, &options, &code);
    jsConsumerInfo_Destroy(info);
    return 0;
}
