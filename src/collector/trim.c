/*
 * Trims the source's stream. The server itself discards nothing of it; it refuses what does not
 * fit. So the oldest messages go when the stream is fuller than STREAM_TRIM_PERCENT of its limit,
 * or when they are older than REPLAY_WINDOW: those that every consumer of the stream has acked,
 * never another one. What is left can be replayed.
 *
 * One instance at a time does it, by a lock in the database. With the database away every instance
 * may: the ack floors are what makes it safe, the lock only saves work.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bus/puller.h"
#include "collector/watch.h"

#define LOOK_USEC UINT64_C(2000000)
#define ANSWER_USEC UINT64_C(3000000)
#define ERROR_TEXT_MAX 512
/* Messages differ in size: it takes more than one step to where the stream should be. */
#define STEPS_MAX 8
#define PIECE_MESSAGES 2000

struct trimmer {
    struct collector *c;
    struct db *db;            /* connected only while the lock is held */
    struct backoff backoff;   /* of failures */
    bool held_told;           /* it was said that somebody holds the stream, */
    struct bus_floor held_by; /* and who */
};

/* What is to be done. */
struct plan {
    struct bus_stream_state state;
    const char *why;
    uint64_t below_seq;
};

static bool is_too_full(const struct collector *c, const struct bus_stream_state *state)
{
    return state->max_bytes && state->bytes > state->max_bytes / 100 * c->settings->trim_percent;
}

/* Not for every message that passes the age. */
static bool is_too_old(const struct collector *c, const struct bus_stream_state *state)
{
    uint64_t window = c->settings->replay_window_usec;

    return state->messages &&
           clock_wall_usec() - state->first_nsec / 1000 > (int64_t)(window + window / 64);
}

/* Five sevenths of where it begins, 50 % of the limit for 70 %; by the average size. */
static uint64_t below_by_size(const struct collector *c, const struct bus_stream_state *state)
{
    uint64_t wanted = state->max_bytes / 100 * c->settings->trim_percent / 7 * 5;
    double part = (double)(state->bytes - wanted) / (double)state->bytes;

    return state->first_seq + 1 +
           (uint64_t)(part * (double)(state->last_seq - state->first_seq + 1));
}

static int choose(const struct collector *c, struct plan *plan, struct strbuf *err)
{
    int64_t since = clock_wall_nsec() - (int64_t)c->settings->replay_window_usec * 1000;

    if (!is_too_full(c, &plan->state)) {
        plan->why = "age";
        return bus_stream_seq_since(c->bus, c->stream, since, &plan->below_seq, err);
    }
    plan->why = "size";
    plan->below_seq = below_by_size(c, &plan->state);
    return 0;
}

/* Nothing can go although it should. That is a backlog of our own, which has its own figures, or a
 * consumer that somebody forgot. */
static void tell_held(struct trimmer *t, const struct plan *plan, const struct bus_floor *floor)
{
    struct collector *c = t->c;

    if (strcmp(floor->consumer, c->source->durable) == 0 ||
        (t->held_told && strcmp(t->held_by.consumer, floor->consumer) == 0))
        return;
    t->held_told = true;
    t->held_by = *floor;
    log_warn(c->log, "stream.held", "the stream should be trimmed, but a consumer needs all of it",
             KV_STR("stream", c->stream), KV_STR("consumer", floor->consumer),
             KV_UINT("ackFloor", floor->seq), KV_UINT("bytes", plan->state.bytes),
             KV_UINT("maxBytes", plan->state.max_bytes),
             KV_STR("then", "waiting for it; delete the consumer if nobody uses it any more"));
}

/* 1: *ret_plan is to be done. 0: nothing is. */
static int make_plan(struct trimmer *t, struct plan *ret_plan, struct strbuf *err)
{
    struct collector *c = t->c;
    struct bus_floor floor;
    struct plan plan = { .why = "" };
    int r = bus_stream_state_of(c->bus, c->stream, &plan.state, err);

    if (r < 0 || !(is_too_full(c, &plan.state) || is_too_old(c, &plan.state)))
        return r;
    r = bus_stream_floor(c->bus, c->stream, c->source->durable, &floor, err);
    if (r < 0)
        return r;
    if (floor.seq < plan.state.first_seq) {
        tell_held(t, &plan, &floor);
        return 0;
    }
    t->held_told = false;
    r = choose(c, &plan, err);
    if (r < 0)
        return r;
    plan.below_seq = MIN(plan.below_seq, floor.seq + 1);
    if (plan.below_seq <= plan.state.first_seq)
        return 0;
    *ret_plan = plan;
    return 1;
}

/* In pieces, so that a stop does not wait for all of it. */
static int carry_out(struct trimmer *t, const struct plan *plan, uint64_t *gone, struct strbuf *err)
{
    struct collector *c = t->c;
    int r = 0;

    for (uint64_t seq = plan->state.first_seq;
         r == 0 && seq < plan->below_seq && !halt_is_set(&c->stopping); seq += PIECE_MESSAGES) {
        uint64_t end = MIN(seq + PIECE_MESSAGES, plan->below_seq), deleted = 0;

        r = bus_stream_trim(c->bus, c->stream, seq, end, &deleted, err);
        metric_add(c->figures.trimmed, deleted);
        *gone += deleted;
    }
    return r;
}

static void tell_trimmed(const struct collector *c, const struct plan *plan, uint64_t gone)
{
    if (gone > 0)
        log_info(c->log, "stream.trimmed", "processed messages have left the stream",
                 KV_STR("stream", c->stream), KV_STR("because", plan->why),
                 KV_UINT("messages", gone), KV_UINT("belowSeq", plan->below_seq),
                 KV_UINT("bytesBefore", plan->state.bytes),
                 KV_UINT("maxBytes", plan->state.max_bytes));
}

/* Whether it is ours to do. */
static bool take_lock(struct trimmer *t)
{
    _cleanup_strbuf_ struct strbuf err;
    char name[BUS_STREAM_NAME_MAX + 16];
    bool held = false;

    strbuf_init(&err, ERROR_TEXT_MAX);
    (void)snprintf(name, sizeof(name), "sluice.trim.%s", t->c->stream);
    return !health_is_good(&t->c->database, HEALTH_MAX_AGE_USEC, NULL) ||
           db_try_lock(t->db, name, &held, &err) != 0 || held;
}

static int trim(struct trimmer *t, struct strbuf *err)
{
    struct plan plan = { .why = "" };
    int r = make_plan(t, &plan, err);

    if (r <= 0 || !take_lock(t))
        return r < 0 ? r : 0;
    /* Again: it may have been done while the lock was not ours yet. */
    r = make_plan(t, &plan, err);
    for (int i = 0; r > 0 && i < STEPS_MAX && !halt_is_set(&t->c->stopping); i++) {
        uint64_t gone = 0;

        r = carry_out(t, &plan, &gone, err);
        tell_trimmed(t->c, &plan, gone);
        if (r == 0)
            r = make_plan(t, &plan, err);
    }
    return r < 0 ? r : 0;
}

/* With NATS away bus_watch.c says so already. */
static uint64_t trim_and_tell(struct trimmer *t, uint64_t look_usec)
{
    _cleanup_strbuf_ struct strbuf err;
    int r = 0;

    strbuf_init(&err, ERROR_TEXT_MAX);
    if (atomic_load(&t->c->layout_ready) && bus_connected(t->c->bus))
        r = trim(t, &err);
    db_disconnect(t->db);
    if (r == 0) {
        backoff_reset(&t->backoff);
        return look_usec;
    }
    log_warn(t->c->log, "stream.trim", "the stream could not be trimmed", KV_BUF("error", &err),
             KV_STR("then", "trying again"));
    return MAX(backoff_next(&t->backoff), look_usec);
}

void *trim_run(void *collector)
{
    struct collector *c = collector;
    struct trimmer t = { .c = c };
    uint64_t look = MIN(LOOK_USEC, c->settings->upkeep_interval_usec), delay = look;
    char name[64];

    (void)snprintf(name, sizeof(name), "sluice %s trim", c->source->service);
    t.db = db_new(&(struct db_options){
        .url = c->settings->database_url,
        .application_name = name,
        .connect_timeout_usec = ANSWER_USEC,
        .statement_timeout_usec = ANSWER_USEC,
    });
    while (t.db && !halt_wait(&c->stopping, delay))
        delay = trim_and_tell(&t, look);
    t.db = db_free(t.db);
    return NULL;
}
