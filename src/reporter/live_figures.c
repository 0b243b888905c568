#include "reporter/live_figures.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "bus/bus.h"
#include "bus/layout.h"
#include "bus/puller.h"
#include "event/event.h"
#include "store/db.h"
#include "store/progress.h"

#define CONNECT_TIMEOUT_USEC (2 * UINT64_C(1000000))
#define DATABASE_TIMEOUT_USEC                                                                      \
    (10 * UINT64_C(1000000)) /* the first reading counts the whole ledger */
#define BUS_TIMEOUT_USEC (2 * UINT64_C(1000000))
#define WHY_MAX 512

static const char *const consumers[SOURCE_COUNT] = {
    [SOURCE_FACEBOOK] = "fb-collector",
    [SOURCE_TIKTOK] = "ttk-collector",
};

struct flow {
    char stream[BUS_STREAM_NAME_MAX];
    struct progress progress;
    struct bus_consumer_state consumer;
    bool known; /* both, as of this reading */
};

struct live_figures {
    struct live_figures_options options;
    struct db *db;
    struct bus *bus; /* NULL until the first reading */
    struct flow flows[SOURCE_COUNT];
    uint64_t rejected, unreadable; /* dead letters that are kept; bodies that were no JSON */
    int64_t through_usec;          /* 0 = not told */
    bool bus_ok, database_ok;
};

struct live_figures *live_figures_new(const struct live_figures_options *options)
{
    const struct db_options db = {
        .url = options->database_url,
        .application_name = "sluice reporter live",
        .connect_timeout_usec = CONNECT_TIMEOUT_USEC,
        .statement_timeout_usec = DATABASE_TIMEOUT_USEC,
        .read_only = true,
    };
    struct live_figures *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->options = *options;
    for (int i = 0; i < SOURCE_COUNT; i++)
        bus_layout_stream_name(event_source_names[i], f->flows[i].stream);
    f->db = db_new(&db);
    return f->db ? f : live_figures_free(f);
}

struct live_figures *live_figures_free(struct live_figures *f)
{
    if (!f)
        return NULL;
    (void)db_free(f->db);
    (void)bus_close(f->bus);
    free(f);
    return NULL;
}

void live_figures_cancel(struct live_figures *f)
{
    db_cancel(f->db);
}

static int open_bus(struct live_figures *f, struct strbuf *err)
{
    const struct bus_options options = {
        .url = f->options.nats_url,
        .name = "sluice reporter live",
        .log = f->options.log,
    };

    return f->bus ? 0 : bus_open(&options, &f->bus, err);
}

/* A stream that is not there yet holds nothing. */
static int messages_of(struct live_figures *f, const char *stream, uint64_t *ret,
                       struct strbuf *err)
{
    struct bus_stream_state state = { 0 };
    int r = bus_stream_state_within(f->bus, stream, BUS_TIMEOUT_USEC, &state, err);

    if (r < 0 && r != -ENOENT)
        return r;
    *ret = state.messages;
    return 0;
}

static int ask_bus(struct live_figures *f, struct strbuf *err)
{
    int r = open_bus(f, err);

    if (r == 0)
        r = messages_of(f, BUS_DLQ_STREAM, &f->rejected, err);
    if (r == 0)
        r = messages_of(f, BUS_UNREADABLE_STREAM, &f->unreadable, err);
    for (int i = 0; i < SOURCE_COUNT && r == 0; i++) {
        struct flow *flow = &f->flows[i];

        r = bus_consumer_state_of(f->bus, flow->stream, consumers[i], &flow->consumer, err);
        flow->known = r == 0;
        if (r == -ENOENT) /* no collector has been there yet */
            r = 0;
    }
    return r;
}

static int ask_database(struct live_figures *f, struct strbuf *err)
{
    int r = progress_through(f->db, &f->through_usec, err);

    for (int i = 0; i < SOURCE_COUNT && r == 0; i++) {
        struct flow *flow = &f->flows[i];

        if (flow->known)
            r = progress_update(f->db, flow->stream, flow->consumer.ack_floor_seq, &flow->progress,
                                err);
    }
    return r;
}

/* Messages without a row: those that were delivered and not acked may have theirs. */
static uint64_t waiting(const struct flow *flow)
{
    uint64_t unsettled = flow->progress.all.messages - flow->progress.settled.messages;
    uint64_t unacked = flow->consumer.ack_pending;

    return flow->consumer.pending + (unacked > unsettled ? unacked - unsettled : 0);
}

/* How many events a message holds that waits is not looked at: as many as others did. */
static uint64_t accepted(const struct flow *flow)
{
    const struct progress_counts *c = &flow->progress.all;

    return c->events + (c->messages ? waiting(flow) * c->events / c->messages : waiting(flow));
}

static void write_flow(const struct flow *flow, struct json_out *j)
{
    const struct progress_counts *c = &flow->progress.all;

    json_object(j);
    json_key(j, "accepted");
    json_u64(j, accepted(flow));
    json_key(j, "acceptedIsEstimate");
    json_bool(j, waiting(flow) > 0);
    json_key(j, "stored");
    json_u64(j, c->stored);
    json_key(j, "duplicates");
    json_u64(j, c->duplicates);
    json_key(j, "deadLettered");
    json_u64(j, c->dead);
    json_key(j, "expired");
    json_u64(j, c->expired);
    json_key(j, "waitingMessages");
    json_u64(j, waiting(flow));
    json_object_end(j);
}

static void write_number(struct json_out *j, const char *key, bool known, uint64_t value)
{
    json_key(j, key);
    if (known)
        json_u64(j, value);
    else
        json_null(j);
}

static void write_time(struct json_out *j, const char *key, int64_t usec)
{
    char text[TIMESTAMP_TEXT_MAX];

    json_key(j, key);
    if (usec)
        json_string(j, timestamp_format(usec, text));
    else
        json_null(j);
}

static void write_figures(const struct live_figures *f, struct json_out *j)
{
    json_object(j);
    write_time(j, "at", clock_wall_usec());
    json_key(j, "database");
    json_str(j, f->database_ok ? "ok" : "away");
    json_key(j, "nats");
    json_str(j, f->bus_ok ? "ok" : "away");
    json_key(j, "sources");
    json_object(j);
    for (int i = 0; i < SOURCE_COUNT; i++) {
        json_key(j, event_source_names[i]);
        if (f->database_ok && f->bus_ok && f->flows[i].known)
            write_flow(&f->flows[i], j);
        else
            json_null(j);
    }
    json_object_end(j);
    write_number(j, "rejected", f->bus_ok, f->rejected);
    write_number(j, "unreadable", f->bus_ok, f->unreadable);
    write_time(j, "dataThrough", f->database_ok ? f->through_usec : 0);
    json_object_end(j);
}

bool live_figures_read(struct live_figures *f, struct strbuf *out)
{
    _cleanup_strbuf_ struct strbuf err;
    struct json_out j;

    strbuf_init(&err, WHY_MAX);
    for (int i = 0; i < SOURCE_COUNT; i++)
        f->flows[i].known = false;
    /* The floor first: what it covers has its rows by then. */
    f->bus_ok = ask_bus(f, &err) == 0;
    f->database_ok = ask_database(f, &err) == 0;
    json_out_init(&j, out);
    write_figures(f, &j);
    return f->bus_ok && f->database_ok;
}
