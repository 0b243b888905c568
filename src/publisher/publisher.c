/*
 * The publisher: builds a request whenever its pace says that one is due and a connection is free,
 * and has the sender deliver it. SIGTERM or SIGINT: no new requests, the open ones get DRAIN_USEC
 * to be answered; a second signal exits at once.
 */
#include "publisher/publisher.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "load/body.h"
#include "load/pace.h"
#include "load/random.h"
#include "load/sender.h"
#include "publisher/options.h"
#include "publisher/summary.h"

#define TRY_TIMEOUT_USEC (60 * UINT64_C(1000000))
#define DRAIN_USEC (10 * UINT64_C(1000000))
#define TURN_USEC (100 * UINT64_C(1000))
#define BODY_MAX_BYTES (128 * UINT64_C(1024) * 1024)
/* Following the clock, timestamps lie this far behind it at most: events come out of order. */
#define LATE_USEC (2 * INT64_C(1000000))

struct publisher {
    struct settings settings;
    struct publisher_options options;
    struct log log;
    struct generator *generator;
    struct sender *sender;
    struct random random;
    struct pace pace;
    struct summary summary;
    uint64_t sent; /* events handed to the sender */
    int signals;
    bool stopping;
    uint64_t stop_by_usec;
};

static int signals_open(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void stop(struct publisher *p)
{
    p->stopping = true;
    p->stop_by_usec = clock_mono_usec() + DRAIN_USEC;
}

/* Whether a second signal asks to exit at once. */
static bool signals_take(struct publisher *p)
{
    struct signalfd_siginfo info;

    while (read(p->signals, &info, sizeof(info)) == sizeof(info)) {
        if (p->stopping)
            return true;
        stop(p);
    }
    return false;
}

static uint32_t next_batch(const struct publisher *p)
{
    uint64_t left = p->options.count ? p->options.count - p->sent : UINT64_MAX;

    return (uint32_t)MIN(left, (uint64_t)p->options.batch);
}

static int send_one(struct publisher *p, struct sender_request *request, uint32_t events)
{
    struct body_shape shape = { .form = BODY_ARRAY, .events = events, .corrupt_at = events };
    int r;

    if (random_unit(&p->random) < p->options.corrupt)
        shape.corrupt_at = (uint32_t)random_below(&p->random, events);
    if (p->options.start_usec == 0)
        generator_set_start(p->generator, clock_wall_usec());
    r = body_build(p->generator, &shape, &request->body, NULL, NULL);
    if (r < 0)
        return r;
    request->events = events;
    request->corrupt = shape.corrupt_at < events;
    p->sent += events;
    return sender_send(p->sender, request);
}

/* Sends what is due; *ret_wait: until the next is, as far as that can be told. */
static int send_due(struct publisher *p, uint64_t *ret_wait)
{
    uint64_t backlog = (uint64_t)p->options.batch * p->options.connections;

    for (;;) {
        uint64_t now = clock_mono_usec(), due = pace_due(&p->pace, now);
        uint32_t events = next_batch(p);
        struct sender_request *request;
        int r;

        if (events == 0)
            stop(p);
        if (p->stopping)
            return 0;
        if (due < p->sent + events) {
            double missing = (double)(p->sent + events - due);

            *ret_wait = (uint64_t)(missing / pace_rate(&p->pace, now) * (double)USEC_PER_SEC);
            return 0;
        }
        request = sender_take(p->sender);
        if (!request) {
            pace_forgive(&p->pace, now, p->sent, backlog);
            return 0; /* an answer ends the wait */
        }
        r = send_one(p, request, events);
        if (r < 0)
            return r;
    }
}

/* 0: all is answered, or the time to wait for it is over. */
static int run(struct publisher *p)
{
    while (!p->stopping || (sender_open(p->sender) > 0 && clock_mono_usec() < p->stop_by_usec)) {
        uint64_t wait = TURN_USEC;
        int r = p->stopping ? 0 : send_due(p, &wait);

        if (r == 0)
            r = sender_poll(p->sender, MIN(MAX(wait, UINT64_C(1000)), TURN_USEC));
        if (r < 0)
            return r;
        if (signals_take(p))
            return -ECANCELED;
        summary_show(&p->summary, p->sender);
    }
    return 0;
}

static int start(struct publisher *p, struct strbuf *err)
{
    const struct publisher_options *o = &p->options;
    const struct generator_options generator = {
        .seed = o->seed,
        .users = o->users,
        .campaigns = o->campaigns,
        .duplicates = o->duplicates,
        .source = -1,
        .start_usec = o->start_usec,
        .span_usec = o->start_usec ? 0 : LATE_USEC,
        .step_usec = USEC_PER_MSEC,
    };
    const struct sender_options sender = {
        .url = p->settings.event_endpoint,
        .connections = o->connections,
        .timeout_usec = TRY_TIMEOUT_USEC,
        .body_max_bytes = BODY_MAX_BYTES,
    };
    int r;

    p->random = random_split(o->seed, 0x7075626c6973, 0);
    p->generator = generator_new(&generator);
    if (!p->generator) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    p->signals = signals_open();
    if (p->signals < 0) {
        strbuf_setf(err, "signalfd: error %d", -p->signals);
        return p->signals;
    }
    r = sender_new(&sender, &p->sender, err);
    if (r < 0)
        return r;
    pace_start(&p->pace, o->rate_low, o->rate_high, clock_mono_usec());
    summary_start(&p->summary, &p->log);
    return 0;
}

static void release(struct publisher *p)
{
    p->sender = sender_free(p->sender);
    p->generator = generator_free(p->generator);
    fd_closep(&p->signals);
    settings_release(&p->settings);
}

static int publish(struct publisher *p, struct strbuf *err)
{
    const struct sender_counts *counts;
    int r = start(p, err);

    if (r < 0)
        return r;
    log_info(&p->log, "publisher.start", "sending events",
             KV_STR("endpoint", p->settings.event_endpoint), KV_UINT("seed", p->options.seed));
    r = run(p);
    counts = sender_counts_of(p->sender);
    summary_finish(&p->summary, p->sender);
    if (r == -ECANCELED)
        return 130;
    if (r < 0) {
        strbuf_setf(err, "sending failed: error %d", -r);
        return r;
    }
    return sender_open(p->sender) || counts->surprises || counts->refused ? 1 : 0;
}

int publisher_main(int argc, char **argv)
{
    struct publisher p = { .signals = -1 };
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, 4096);
    r = publisher_options_load(&p.options, &p.settings, argc, argv, &err);
    if (r == 0) {
        log_init(&p.log, "publisher", (enum log_level)p.settings.log_level,
                 (enum log_format)p.settings.log_format);
        r = publish(&p, &err);
    } else if (r > 0) {
        r = 0; /* --help was printed */
    }
    release(&p);
    if (r < 0) {
        fprintf(stderr, "sluice publisher: %s\n", err.ptr);
        return 2;
    }
    return r;
}
