/* What a replay would go over: from the messages' headers, nothing is changed. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "admin/replay/replay.h"
#include "admin/servers.h"
#include "base/clock.h"
#include "bus/puller.h"
#include "bus/reader.h"
#include "ingest/work.h"
#include "store/quarantine.h"

/* Messages of one question to the ledger. */
#define CHUNK 5000

struct chunk {
    struct store_message messages[CHUNK];
    bool stored[CHUNK];
    size_t count;
};

static int read_floor(struct replay *r, struct replay_part *p, struct strbuf *err)
{
    struct bus_consumer_state state;
    int e = bus_consumer_state_of(r->bus, p->stream, server_consumers[p->kind], &state, err);

    if (e == -ENOENT)
        return 0;
    p->has_consumer = e == 0;
    p->floor = e == 0 ? state.ack_floor_seq : 0;
    return e;
}

static int ask_ledger(struct replay *r, struct replay_part *p, struct chunk *c, struct strbuf *err)
{
    int e = c->count ? quarantine_stored(r->db, c->messages, c->count, c->stored, err) : 0;

    for (size_t i = 0; e == 0 && i < c->count; i++) {
        if (c->stored[i])
            continue;
        if (c->messages[i].seq > p->floor) {
            p->in_flight++;
            continue;
        }
        p->lost_messages++;
        p->lost_events += c->messages[i].events;
    }
    c->count = 0;
    return e;
}

static void note(struct replay_part *p, const struct bus_delivery *d, uint32_t events,
                 struct chunk *c)
{
    c->messages[c->count++] = (struct store_message){
        .stream = p->stream,
        .seq = d->seq,
        .stored_nsec = d->stored_nsec,
        .events = events,
    };
    if (p->messages++ == 0) {
        p->first_seq = d->seq;
        p->first_nsec = d->stored_nsec;
    }
    p->events += events;
    p->last_seq = d->seq;
    p->last_nsec = d->stored_nsec;
}

static int read_headers(struct replay *r, struct replay_part *p, struct bus_reader *reader,
                        struct chunk *c, struct strbuf *err)
{
    uint64_t total = bus_reader_total(reader);
    int e = 0;

    for (;;) {
        _cleanup_(bus_delivery_freep) struct bus_delivery *d = NULL;

        e = bus_reader_next(reader, &d, err);
        if (e <= 0 || d->stored_nsec / 1000 >= r->to_usec)
            return e < 0 ? e : ask_ledger(r, p, c, err);
        if (d->stored_nsec / 1000 < r->from_usec)
            continue;
        note(p, d, work_events_claimed(d), c);
        progress_show(&r->progress, "look", p->messages, total, "%s %" PRIu64 " messages",
                      p->stream, p->messages);
        e = c->count == CHUNK ? ask_ledger(r, p, c, err) : 0;
        if (e != 0)
            return e;
        if (stopper_asked(r->stopper))
            return -ECANCELED;
    }
}

static int look_at(struct replay *r, struct replay_part *p, struct chunk *c, struct strbuf *err)
{
    const struct bus_reader_options options = {
        .stream = p->stream,
        .start_nsec = MAX(r->from_usec, INT64_C(0)) * 1000,
        .headers_only = true,
    };
    _cleanup_(bus_reader_freep) struct bus_reader *reader = NULL;
    int e = read_floor(r, p, err);

    if (e == 0)
        e = bus_reader_open(r->bus, &options, &reader, err);
    if (e == -ENOENT)
        return 0;
    return e < 0 ? e : read_headers(r, p, reader, c, err);
}

static int look_at_all(struct replay *r, struct strbuf *err)
{
    struct chunk *chunk = calloc(1, sizeof(*chunk));
    int e = chunk ? 0 : -ENOMEM;

    for (int s = 0; e == 0 && s < SOURCE_COUNT; s++) {
        struct replay_part *p = &r->parts[r->part_count];

        if (r->source >= 0 && r->source != s)
            continue;
        *p = (struct replay_part){ .source = event_source_names[s], .kind = (enum event_source)s };
        bus_layout_stream_name(p->source, p->stream);
        r->part_count++;
        e = look_at(r, p, chunk, err);
    }
    free(chunk);
    return e;
}

int replay_look(struct replay *r, struct strbuf *err)
{
    int e;

    progress_start(&r->progress);
    e = look_at_all(r, err);
    progress_show(&r->progress, "look", 1, 1, "keys and event rows");
    if (e == 0)
        e = store_replay_init(&r->lost, r->db, err);
    progress_clear(&r->progress);
    return e;
}
