/* A puller on a consumer of its own, which is replaced when something may have been missed. */
#include "bus/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bus/connection.h"

#define NAME_MAX_BYTES 256
#define PATIENCE_USEC (10 * USEC_PER_SEC)
#define BATCH_HEADERS 4096 /* messages a request asks for */
#define BATCH_PAYLOADS 256
#define MAX_BYTES (8 * 1024 * 1024)
#define EXPIRES_USEC (250 * USEC_PER_MSEC)
#define IDLE_USEC (300 * USEC_PER_MSEC) /* before it asks the server what is left */
#define STALL_USEC (3 * USEC_PER_SEC)   /* of a consumer that owes messages: take another */
/* How long the server keeps a consumer whose owner works on what it has. */
#define INACTIVE_USEC (60 * USEC_PER_SEC)

struct bus_reader {
    struct bus *bus;
    char stream[NAME_MAX_BYTES], filter[NAME_MAX_BYTES];
    struct bus_reader_options options; /* its strings are those above */
    uint64_t end_seq;
    uint64_t total;
    uint64_t last_seq; /* given out; 0 = none yet */

    /* the consumer of now */
    char consumer[NAME_MAX_BYTES];
    struct bus_puller *puller; /* NULL: there is none */
    uint64_t taken;            /* of what it delivered */
    uint64_t owed;             /* behind what it delivered last */
    uint64_t since_usec;       /* it exists, or gave a message, since then */
    bool done;
};

static void close_consumer(struct bus_reader *r)
{
    jsOptions options = { .Wait = BUS_API_TIMEOUT_MSEC };

    r->puller = bus_puller_free(r->puller);
    if (r->consumer[0] && bus_connected(r->bus))
        (void)js_DeleteConsumer(r->bus->js, r->stream, r->consumer, &options, NULL);
    r->consumer[0] = '\0';
}

/* libnats 3.4.1 writes a time without the zeros that its fraction begins with: 0.05 s become 0.5 s,
 * and messages would be missing. Such a time is taken back to the full second. */
static int64_t time_before(int64_t nsec)
{
    int64_t fraction = nsec % NSEC_PER_SEC;

    return fraction < NSEC_PER_SEC / 10 ? nsec - fraction : nsec;
}

static void start_from(const struct bus_reader *r, jsConsumerConfig *config)
{
    uint64_t seq = r->last_seq ? r->last_seq + 1 : r->options.start_seq;
    int64_t nsec = time_before(r->options.start_nsec);

    if (seq) {
        config->DeliverPolicy = js_DeliverByStartSequence;
        config->OptStartSeq = seq;
    } else if (nsec > 0) {
        config->DeliverPolicy = js_DeliverByStartTime;
        config->OptStartTime = nsec;
    }
}

static int add_consumer(struct bus_reader *r, struct strbuf *err)
{
    jsOptions options = { .Wait = BUS_API_TIMEOUT_MSEC };
    jsConsumerInfo *info = NULL;
    jsConsumerConfig config;
    jsErrCode code = 0;
    natsStatus s;
    int e = bus_check_connected(r->bus, err);

    if (e < 0)
        return e;
    (void)jsConsumerConfig_Init(&config);
    start_from(r, &config);
    config.AckPolicy = js_AckNone;
    config.FilterSubject = r->options.filter_subject;
    config.HeadersOnly = r->options.headers_only;
    config.InactiveThreshold = INACTIVE_USEC * 1000;
    config.MemoryStorage = true;
    s = js_AddConsumer(&info, r->bus->js, r->stream, &config, &options, &code);
    e = bus_api_errno(s, code, "cannot read stream", r->stream, err);
    if (e < 0)
        return e;
    (void)snprintf(r->consumer, sizeof(r->consumer), "%s", info->Name);
    r->owed = info->NumPending;
    jsConsumerInfo_Destroy(info);
    return 0;
}

/* Messages to ask for at once: no more than a short range can hold. */
static uint32_t batch_of(const struct bus_reader *r)
{
    uint64_t most = r->options.headers_only ? BATCH_HEADERS : BATCH_PAYLOADS;
    uint64_t from = MAX(r->last_seq + 1, r->options.start_seq);

    return (uint32_t)(r->end_seq >= from ? MIN(most, r->end_seq - from + 1) : 1);
}

static int open_consumer(struct bus_reader *r, struct strbuf *err)
{
    struct bus_puller_options options = {
        .stream = r->stream,
        .durable = r->consumer,
        .batch = batch_of(r),
        .max_bytes = MAX_BYTES,
        .expires_usec = EXPIRES_USEC,
    };
    int e;

    close_consumer(r);
    e = add_consumer(r, err);
    if (e < 0)
        return e;
    r->taken = 0;
    r->since_usec = clock_mono_usec();
    r->done = r->owed == 0;
    return bus_puller_new(r->bus, &options, &r->puller, err);
}

/* The stream's last message is where an open end is. */
static int fix_end(struct bus_reader *r, struct strbuf *err)
{
    struct bus_stream_state state;
    int e = bus_stream_state_of(r->bus, r->stream, &state, err);

    if (e < 0)
        return e;
    r->end_seq = r->options.end_seq ? r->options.end_seq : state.last_seq;
    return 0;
}

static int reader_init(struct bus_reader *r, struct bus *bus,
                       const struct bus_reader_options *options, struct strbuf *err)
{
    int e;

    r->bus = bus;
    r->options = *options;
    (void)snprintf(r->stream, sizeof(r->stream), "%s", options->stream);
    r->options.stream = r->stream;
    if (options->filter_subject) {
        (void)snprintf(r->filter, sizeof(r->filter), "%s", options->filter_subject);
        r->options.filter_subject = r->filter;
    }
    if (!r->options.patience_usec)
        r->options.patience_usec = PATIENCE_USEC;
    e = fix_end(r, err);
    if (e == 0)
        e = open_consumer(r, err);
    r->total = r->owed;
    return e;
}

int bus_reader_open(struct bus *bus, const struct bus_reader_options *options,
                    struct bus_reader **ret_reader, struct strbuf *err)
{
    _cleanup_(bus_reader_freep) struct bus_reader *r = calloc(1, sizeof(*r));
    int e;

    if (!r) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    e = reader_init(r, bus, options, err);
    if (e == 0)
        *ret_reader = TAKE_PTR(r);
    return e;
}

struct bus_reader *bus_reader_free(struct bus_reader *r)
{
    if (r)
        close_consumer(r);
    free(r);
    return NULL;
}

uint64_t bus_reader_end_seq(const struct bus_reader *r)
{
    return r->end_seq;
}

uint64_t bus_reader_total(const struct bus_reader *r)
{
    return r->total;
}

/* 1: it is the next one. 0: one or more were lost on the way. */
static int accept(struct bus_reader *r, struct bus_delivery *d)
{
    if (d->nth != r->taken + 1)
        return 0;
    r->taken++;
    r->owed = d->pending;
    r->since_usec = clock_mono_usec();
    r->done = d->seq >= r->end_seq || d->pending == 0;
    r->last_seq = d->seq;
    return 1;
}

/* The server may begin too early and end too late. */
static bool is_wanted(const struct bus_reader *r, const struct bus_delivery *d)
{
    return d->seq <= r->end_seq &&
           (r->options.start_seq || d->stored_nsec >= r->options.start_nsec);
}

/* Nothing came for a while. What was sent before the server's answer has come before it, so a
 * count that is ahead of ours means a loss. *ret_lost: go on with another consumer. */
static int ask_what_is_left(struct bus_reader *r, bool *ret_lost, struct strbuf *err)
{
    struct bus_consumer_state state;
    int messages = bus_puller_waiting(r->puller);
    int e;

    *ret_lost = false;
    if (messages > 0)
        return 0;
    e = bus_consumer_state_of(r->bus, r->stream, r->consumer, &state, err);
    /* It lives in the memory of one server of a cluster, which may be the one that died. */
    if (e == -ENOENT || e == -ETIMEDOUT || e == -ENOTCONN)
        *ret_lost = true;
    if (e < 0 || bus_puller_waiting(r->puller) > 0)
        return e == -ENOENT ? 0 : e;
    r->owed = state.pending;
    if (state.delivered != r->taken)
        *ret_lost = true;
    else if (state.pending == 0)
        r->done = true;
    else
        *ret_lost = clock_mono_usec() - r->since_usec > (uint64_t)STALL_USEC;
    return 0;
}

/* 1: *ret is the next message. 0: none yet, or the end. *ret_lost as above. */
static int step(struct bus_reader *r, uint64_t wait_usec, struct bus_delivery **ret, bool *ret_lost,
                struct strbuf *err)
{
    struct bus_delivery *d = NULL;
    int e = bus_puller_next(r->puller, wait_usec, &d);

    *ret_lost = e == -ENOENT;
    if (e == 0)
        return ask_what_is_left(r, ret_lost, err);
    if (e != 1)
        return e == -ENOENT ? 0 : e;
    if (!accept(r, d)) {
        *ret_lost = true;
    } else if (is_wanted(r, d)) {
        *ret = d;
        return 1;
    }
    (void)bus_delivery_free(d);
    return 0;
}

static int gave_up(const struct bus_reader *r, int e, struct strbuf *err)
{
    if (e != -ENOTCONN && e != -ETIMEDOUT && e != 0)
        return e;
    if (!bus_connected(r->bus)) {
        strbuf_setf(err, "the connection to NATS is lost; stream %s was read up to %" PRIu64,
                    r->stream, r->last_seq);
        return -ENOTCONN;
    }
    strbuf_setf(err,
                "NATS sends nothing of stream %s although %" PRIu64
                " messages are left behind %" PRIu64,
                r->stream, r->owed, r->last_seq);
    return -ETIMEDOUT;
}

/* An error that may pass: the server is away, starts, or is slow. */
static bool may_pass(int e)
{
    return e == 0 || e == -ENOTCONN || e == -ETIMEDOUT;
}

int bus_reader_next(struct bus_reader *r, struct bus_delivery **ret, struct strbuf *err)
{
    uint64_t until = clock_mono_usec() + r->options.patience_usec;
    bool lost = r->puller == NULL;
    int e = 0;

    while (!r->done) {
        if (lost && bus_wait_connected(r->bus, IDLE_USEC)) {
            e = open_consumer(r, err);
            lost = e < 0;
        }
        if (!lost)
            e = step(r, IDLE_USEC, ret, &lost, err);
        if (e == 1)
            return 1;
        if (!may_pass(e) || (!r->done && clock_mono_usec() >= until))
            return gave_up(r, e, err);
    }
    return 0;
}
