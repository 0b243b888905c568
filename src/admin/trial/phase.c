#include "admin/trial/phase.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "load/pace.h"
#include "load/sender.h"

#define BODY_MAX_BYTES ((uint64_t)128 << 20)
#define TRY_TIMEOUT_USEC (120 * UINT64_C(1000000))
#define TURN_USEC (100 * UINT64_C(1000))

struct sending {
    struct trial *trial;
    struct trial_phase *phase;
    struct sender *sender;
    struct pace pace;
    uint64_t sent;
};

static void on_answered(void *ctx, uint64_t took_usec)
{
    struct sending *s = ctx;

    histogram_add(&s->phase->latency, took_usec);
}

static int send_due(struct sending *s)
{
    const struct trial_phase *phase = s->phase;

    while (s->sent < phase->events) {
        uint32_t events = (uint32_t)MIN((uint64_t)phase->batch, phase->events - s->sent);
        const struct body_shape shape = { .form = phase->form,
                                          .events = events,
                                          .corrupt_at = events };
        struct sender_request *request;
        int r;

        if (pace_due(&s->pace, clock_mono_usec()) < s->sent + events)
            return 0;
        request = sender_take(s->sender);
        if (!request)
            return 0;
        r = body_build(s->trial->generator, &shape, &request->body, tally_add, &s->trial->tally);
        if (r < 0)
            return r;
        request->events = events;
        s->sent += events;
        r = sender_send(s->sender, request);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Until the next request is due, at most a turn. */
static uint64_t wait_usec(const struct sending *s)
{
    uint64_t now = clock_mono_usec(), due = pace_due(&s->pace, now);
    uint64_t next = s->sent + s->phase->batch;
    double wait;

    if (s->sent >= s->phase->events || due >= next)
        return TURN_USEC;
    wait = (double)(next - due) / pace_rate(&s->pace, now) * (double)USEC_PER_SEC;
    return wait < (double)TURN_USEC ? MAX((uint64_t)wait, UINT64_C(1000)) : TURN_USEC;
}

static int send_all(struct sending *s, struct strbuf *err)
{
    const struct sender_counts *counts = sender_counts_of(s->sender);
    uint64_t moved_usec = clock_mono_usec(), moved_at = 0;

    while (s->sent < s->phase->events || sender_open(s->sender) > 0) {
        uint64_t now = clock_mono_usec();
        int r = send_due(s);

        if (r == 0)
            r = sender_poll(s->sender, wait_usec(s));
        if (r < 0) {
            strbuf_setf(err, "sending failed: %s", strerror(-r));
            return r;
        }
        progress_show(&s->trial->progress, s->phase->name, counts->events, s->phase->events,
                      "%llu of %llu events answered", (unsigned long long)counts->events,
                      (unsigned long long)s->phase->events);
        if (counts->events != moved_at || sender_open(s->sender) == 0) {
            moved_at = counts->events;
            moved_usec = now;
        } else if (now - moved_usec > TRY_TIMEOUT_USEC) {
            strbuf_setf(err, "the gateway does not answer: %s", sender_trouble(s->sender));
            return -ETIMEDOUT;
        }
    }
    return 0;
}

static int check_answers(const struct sending *s, struct strbuf *err)
{
    const struct sender_counts *c = sender_counts_of(s->sender);

    if (c->surprises == 0 && c->accepted == s->phase->events)
        return 0;
    strbuf_setf(err, "%s: %llu of %llu events accepted; %s", s->phase->name,
                (unsigned long long)c->accepted, (unsigned long long)s->phase->events,
                sender_trouble(s->sender));
    return -EBADMSG;
}

int phase_run(struct trial *t, struct trial_phase *phase, struct strbuf *err)
{
    struct sending s = { .trial = t, .phase = phase };
    char url[TRIAL_URL_MAX + 32];
    const struct sender_options options = {
        .url = url,
        .connections = t->connections,
        .timeout_usec = TRY_TIMEOUT_USEC,
        .body_max_bytes = BODY_MAX_BYTES,
        .answered = on_answered,
        .ctx = &s,
    };
    uint64_t started;
    int r;

    (void)snprintf(url, sizeof(url), "%s/webhook/events%s", t->gateway,
                   phase->form == BODY_BULK ? "/bulk" : "");
    r = sender_new(&options, &s.sender, err);
    if (r < 0)
        return r;
    started = clock_mono_usec();
    pace_start(&s.pace, phase->rate, phase->rate, started);
    r = send_all(&s, err);
    phase->ran = true;
    phase->took_usec = clock_mono_usec() - started;
    phase->counts = *sender_counts_of(s.sender);
    if (r == 0)
        r = check_answers(&s, err);
    s.sender = sender_free(s.sender);
    return r;
}
