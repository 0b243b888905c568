#include "gateway/streams.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "event/batch.h"

#define CHECK_USEC (1 * USEC_PER_SEC)
/* After a look that failed: soon, but no busy loop. */
#define RETRY_USEC UINT64_C(250000)
/* How long a look may take. A stream without a leader gives no answer, and a server that is slow
 * gives a late one: a gate that is open waits for that, unless another one has waited already; a
 * closed one rather asks again. */
#define PATIENCE_OPEN_USEC (5 * USEC_PER_SEC)
#define PATIENCE_CLOSED_USEC (1 * USEC_PER_SEC)
/* What a stream must take beside a request's own bytes: a message's headers, its neighbours'. */
#define ROOM_SLACK_BYTES ((uint64_t)BATCH_BYTES_MAX)

static void gate_set(struct streams *s, struct stream_gate *gate, enum failure failure,
                     const char *error)
{
    int before = atomic_exchange(&gate->closed, (int)failure);

    if (before == (int)failure)
        return;
    if (failure == FAILURE_NONE)
        log_info(s->log, "stream.open", "the stream takes messages", KV_STR("stream", gate->name));
    else
        log_warn(s->log, "stream.closed", failure_texts[failure].message,
                 KV_STR("stream", gate->name), KV_STR("code", failure_texts[failure].code),
                 KV_STR("error", error), KV_STR("then", "answering 503 until it takes messages"));
}

/* Why readiness fails; "" = it does not. */
static void set_why(struct streams *s, const char *why)
{
    (void)pthread_mutex_lock(&s->lock);
    (void)snprintf(s->why, sizeof(s->why), "%s", why);
    (void)pthread_mutex_unlock(&s->lock);
}

static void close_all(struct streams *s, const char *why)
{
    set_why(s, why);
    for (int i = 0; i < STREAM_COUNT; i++)
        gate_set(s, &s->gates[i], FAILURE_UNAVAILABLE, why);
}

static uint64_t reconnects_of(struct streams *s)
{
    struct bus_stats stats;

    bus_stats_of(s->bus, &stats);
    return stats.reconnects;
}

static bool ensure_layout(struct streams *s)
{
    _cleanup_strbuf_ struct strbuf err;
    uint64_t max_bytes;
    int r;

    strbuf_init(&err, sizeof(s->why));
    r = bus_layout_ensure(s->bus, &s->layout, &max_bytes, &err);
    if (r < 0) {
        set_why(s, err.len ? err.ptr : "the streams could not be created");
        log_warn(s->log, "streams.ensure", "the streams could not be created or updated",
                 KV_BUF("error", &err), KV_STR("then", "trying again"));
        return false;
    }
    log_info(s->log, "streams.ready", "the streams are there",
             KV_UINT("streamMaxBytes", max_bytes));
    return true;
}

/* Creates the streams where that was not done on this connection yet. */
static bool lay_out(struct streams *s)
{
    uint64_t reconnects = reconnects_of(s);

    if (s->laid_out && reconnects == s->reconnects)
        return true;
    s->laid_out = ensure_layout(s);
    s->laid_out_once |= s->laid_out;
    s->reconnects = reconnects;
    return s->laid_out;
}

static uint64_t patience_with(struct stream_gate *gate, bool hurried)
{
    bool closed = atomic_load(&gate->closed) == (int)FAILURE_UNAVAILABLE;

    return closed || hurried ? PATIENCE_CLOSED_USEC : PATIENCE_OPEN_USEC;
}

static uint64_t room_of(int id, const struct bus_stream_state *state)
{
    /* The stream of unreadable bodies discards its old ones; 0 = no limit. */
    if (id == STREAM_UNREADABLE || state->max_bytes == 0)
        return UINT64_MAX;
    return state->max_bytes - MIN(state->bytes, state->max_bytes);
}

/* False when the server did not answer or the stream is gone. */
static bool check_gate(struct streams *s, int id, bool hurried)
{
    struct stream_gate *gate = &s->gates[id];
    uint64_t reports = atomic_load(&gate->reports), room;
    struct bus_stream_state state;
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, sizeof(s->why));
    r = bus_stream_state_within(s->bus, gate->name, patience_with(gate, hurried), &state, &err);
    if (r < 0) {
        const char *why = err.len ? err.ptr : "the server does not answer";

        if (r == -ENOENT)
            s->laid_out = false;
        set_why(s, why);
        gate_set(s, gate, FAILURE_UNAVAILABLE, why);
        return false;
    }
    room = room_of(id, &state);
    atomic_store(&gate->room, room);
    if (room < ROOM_SLACK_BYTES)
        gate_set(s, gate, FAILURE_STREAM_FULL, "max_bytes reached");
    else if (reports == atomic_load(&gate->reports))
        gate_set(s, gate, FAILURE_NONE, "");
    return true;
}

/* Streams that were laid out before take messages as soon as they have a leader: another round of
 * laying out, which a new connection asks for and which needs the leader of the whole cluster too,
 * comes behind it. */
static bool check_all(struct streams *s)
{
    bool good = true;

    if (!bus_connected(s->bus)) {
        close_all(s, "no connection to NATS");
        return false;
    }
    if (!s->laid_out_once && !lay_out(s))
        return false;
    for (int i = 0; i < STREAM_COUNT; i++)
        good &= check_gate(s, i, /* hurried= */ !good);
    /* A stream that is gone is made anew even while others give no answer. */
    if (good || !s->laid_out)
        good &= lay_out(s);
    if (good)
        set_why(s, "");
    return good;
}

static void deadline_in(uint64_t usec, struct timespec *ret)
{
    uint64_t at = clock_mono_usec() + usec;

    ret->tv_sec = (time_t)(at / USEC_PER_SEC);
    ret->tv_nsec = (long)(at % USEC_PER_SEC) * 1000;
}

/* Sleeps; a kick ends it early, but never before RETRY_USEC: reports come by the thousand. False:
 * stop. */
static bool sleep_until_next(struct streams *s, bool good)
{
    struct timespec at;
    bool stopping;

    (void)pthread_mutex_lock(&s->lock);
    deadline_in(RETRY_USEC, &at);
    while (!s->stopping && pthread_cond_timedwait(&s->wake, &s->lock, &at) == 0)
        ;
    deadline_in(CHECK_USEC - RETRY_USEC, &at);
    while (good && !s->stopping && !s->kicked &&
           pthread_cond_timedwait(&s->wake, &s->lock, &at) == 0)
        ;
    s->kicked = false;
    stopping = s->stopping;
    (void)pthread_mutex_unlock(&s->lock);
    return !stopping;
}

static void say_good(struct streams *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->were_good = true;
    (void)pthread_cond_broadcast(&s->first_good);
    (void)pthread_mutex_unlock(&s->lock);
}

static void *streams_thread(void *arg)
{
    struct streams *s = arg;
    bool good;

    do {
        good = check_all(s);
        if (good)
            say_good(s);
    } while (sleep_until_next(s, good));
    return NULL;
}

static void init_gates(struct streams *s)
{
    for (int i = 0; i < SOURCE_COUNT; i++) {
        s->sources[i] = event_source_names[i];
        bus_layout_stream_name(s->sources[i], s->gates[i].name);
    }
    (void)snprintf(s->gates[STREAM_DLQ].name, BUS_STREAM_NAME_MAX, "%s", BUS_DLQ_STREAM);
    (void)snprintf(s->gates[STREAM_UNREADABLE].name, BUS_STREAM_NAME_MAX, "%s",
                   BUS_UNREADABLE_STREAM);
    for (int i = 0; i < STREAM_COUNT; i++) {
        atomic_init(&s->gates[i].closed, FAILURE_UNAVAILABLE);
        atomic_init(&s->gates[i].room, 0);
        atomic_init(&s->gates[i].reports, 0);
    }
}

int streams_start(struct streams *s, struct service *service, struct strbuf *err)
{
    const struct settings *settings = &service->settings;
    struct bus_options options = { .url = settings->nats_url,
                                   .name = "sluice gateway streams",
                                   .log = &service->log,
                                   .given_up = service_fail,
                                   .ctx = service,
                                   .connect_timeout_usec = 2 * USEC_PER_SEC };
    pthread_condattr_t attr;
    int r;

    s->log = &service->log;
    s->layout = (struct bus_layout){ .sources = s->sources,
                                     .stream_max_bytes = settings->stream_max_bytes,
                                     .dlq_max_bytes = settings->dlq_max_bytes,
                                     .duplicate_window_usec = settings->duplicate_window_usec,
                                     .replicas = settings->stream_replicas };
    init_gates(s);
    (void)snprintf(s->why, sizeof(s->why), "not checked yet");
    r = bus_open(&options, &s->bus, err);
    if (r < 0)
        return r;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->wake, &attr);
    (void)pthread_cond_init(&s->first_good, &attr);
    (void)pthread_condattr_destroy(&attr);
    r = pthread_create(&s->thread, NULL, streams_thread, s);
    if (r != 0) {
        strbuf_setf(err, "no thread for the stream checks: %s", strerror(r));
        return -r;
    }
    s->started = true;
    return 0;
}

void streams_wait(struct streams *s, uint64_t usec)
{
    struct timespec at;

    deadline_in(usec, &at);
    (void)pthread_mutex_lock(&s->lock);
    while (!s->were_good && pthread_cond_timedwait(&s->first_good, &s->lock, &at) == 0)
        ;
    (void)pthread_mutex_unlock(&s->lock);
}

void streams_stop_soon(struct streams *s)
{
    if (!s->started)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->stopping = true;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
}

void streams_stop(struct streams *s)
{
    streams_stop_soon(s);
    if (s->started)
        (void)pthread_join(s->thread, NULL);
    s->started = false;
    s->bus = bus_close(s->bus);
}

enum failure streams_check(const struct streams *s, unsigned mask, uint64_t bytes)
{
    enum failure worst = FAILURE_NONE;

    for (int i = 0; i < STREAM_COUNT; i++) {
        const struct stream_gate *gate = &s->gates[i];
        enum failure closed;

        if (!(mask & STREAM_BIT(i)))
            continue;
        closed = (enum failure)atomic_load_explicit(&gate->closed, memory_order_relaxed);
        if (closed == FAILURE_NONE &&
            atomic_load_explicit(&gate->room, memory_order_relaxed) < bytes)
            closed = FAILURE_STREAM_FULL;
        worst = MAX(worst, closed);
    }
    return worst;
}

void streams_report(struct streams *s, int stream, enum failure failure, const char *error)
{
    struct stream_gate *gate = &s->gates[stream];

    atomic_fetch_add(&gate->reports, 1);
    gate_set(s, gate, failure, error);
    (void)pthread_mutex_lock(&s->lock);
    s->kicked = true;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
}

bool streams_ready(struct streams *s, struct strbuf *err)
{
    bool ready;

    (void)pthread_mutex_lock(&s->lock);
    ready = s->why[0] == '\0';
    if (!ready)
        strbuf_setf(err, "%s", s->why);
    (void)pthread_mutex_unlock(&s->lock);
    return ready;
}
