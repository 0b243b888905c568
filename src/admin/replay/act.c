/* The replay itself: messages are read, gathered and decoded as in a collector, and written by its
 * batch writer. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "admin/replay/replay.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "bus/reader.h"
#include "event/decode.h"
#include "ingest/work.h"
#include "ingest/work_dead.h"
#include "store/quarantine.h"

/* As a collector's (collector/worker.c). */
#define EVENT_BYTES_MAX ((size_t)1 << 20)
/* The database may fail over meanwhile. */
#define PATIENCE_USEC (60 * (uint64_t)USEC_PER_SEC)
#define PAUSE_NSEC (250 * 1000 * 1000)

struct act {
    struct replay *r;
    struct replay_part *p;
    struct event_decoder *decoder;
    struct work work;
    struct bus_delivery *aside; /* did not fit into the batch before */
};

static int read_letters(struct act *a, struct strbuf *err)
{
    int e = 0;

    if (!a->p->letters_read)
        e = scan_letters(&a->p->letters, a->r->bus, a->p->stream, &a->r->progress, err);
    a->p->letters_read = e == 0;
    return e;
}

/* A lost message's dead events are on record in the dead-letter stream, or come to it now. */
static int publish_dead(struct act *a, const bool *stored, struct strbuf *err)
{
    struct work *w = &a->work;

    for (size_t i = 0; i < w->dead_count; i++) {
        struct work_dead *dead = &w->dead[i];
        const struct store_message *m = &w->messages[dead->message];
        struct bus_result result = { 0 };
        int e;

        if (dead->published || stored[dead->message])
            continue;
        e = read_letters(a, err);
        if (e < 0)
            return e;
        dead->published = scan_has_event(&a->p->letters, m->seq, m->stored_nsec, dead->index);
        if (dead->published)
            continue;
        e = work_publish_dead(w, dead, a->r->bus, a->p->source, &result);
        if (e < 0) {
            strbuf_setf(err, "a dead letter of %s sequence %" PRIu64 " was not taken: %s",
                        m->stream, m->seq, e == -EIO ? result.error : strerror(-e));
            return e;
        }
        dead->published = true;
    }
    return 0;
}

/* Which messages the ledger has; those it has not and that are not acked are dropped. */
static int leave_in_flight(struct act *a, bool *stored, struct strbuf *err)
{
    struct work *w = &a->work;
    bool *drop = arena_zalloc(&w->arena, w->message_count);
    size_t kept = 0;
    int e;

    if (!drop)
        return -ENOMEM;
    e = quarantine_stored(a->r->db, w->messages, w->message_count, stored, err);
    if (e != 0)
        return e;
    for (size_t i = 0; i < w->message_count; i++) {
        drop[i] = !stored[i] && w->messages[i].seq > a->p->floor;
        w->messages[i].acked = true;
        if (!drop[i])
            stored[kept++] = stored[i];
    }
    return work_drop(w, drop);
}

static void take_counts(struct act *a, const struct store_batch *batch)
{
    struct store_message *sum = &a->p->recorded;
    struct store_replay_counts *mended = &a->p->mended;

    mended->restored += batch->mended.restored;
    mended->rekeyed += batch->mended.rekeyed;
    mended->added += batch->mended.added;
    mended->unclear += batch->mended.unclear;
    for (size_t i = 0; i < batch->message_count; i++) {
        const struct store_message *m = &batch->messages[i];

        a->p->done_messages++;
        a->p->done_events += m->events;
        if (m->seen)
            continue;
        a->p->recorded_messages++;
        sum->events += m->events;
        sum->stored += m->stored;
        sum->duplicates += m->duplicates;
        sum->dead += m->dead;
        sum->expired += m->expired;
    }
}

static int write_once(struct act *a, struct strbuf *err)
{
    bool *stored = arena_zalloc(&a->work.arena, a->work.message_count);
    struct store_batch batch;
    size_t found = 0;
    int e;

    if (!stored)
        return -ENOMEM;
    e = leave_in_flight(a, stored, err);
    if (e == 0)
        e = publish_dead(a, stored, err);
    if (e != 0)
        return e;
    batch = work_batch(&a->work);
    e = store_write(a->r->writer, &batch, err);
    if (e == 0)
        take_counts(a, &batch);
    if (e != DB_DATA_FAULT)
        return e;
    e = work_isolate(&a->work, a->r->writer, &found, err);
    return e == 0 ? (found > 0 ? -EAGAIN : DB_DATA_FAULT) : e;
}

static int write_batch(struct act *a, struct strbuf *err)
{
    const struct timespec pause = { .tv_nsec = PAUSE_NSEC };
    uint64_t until = clock_mono_usec() + PATIENCE_USEC;
    int e;

    for (;;) {
        e = write_once(a, err);
        if (e == -EAGAIN)
            continue;
        if (e != DB_RETRY && e != DB_UNKNOWN)
            return e;
        if (clock_mono_usec() > until || stopper_asked(a->r->stopper))
            return e;
        (void)nanosleep(&pause, NULL);
    }
}

/* The batch is done, or its first message is where the next run goes on. */
static int settle(struct act *a, struct strbuf *err)
{
    struct work *w = &a->work;
    int e;

    if (w->message_count == 0)
        return 0;
    a->p->next_seq = w->messages[0].seq;
    a->p->next_nsec = w->messages[0].stored_nsec;
    e = write_batch(a, err);
    if (e != 0)
        return e;
    failpoint("replay.after_batch");
    progress_show(&a->r->progress, "replay", a->p->done_messages, a->p->messages,
                  "%s %" PRIu64 " of %" PRIu64 " messages", a->p->stream, a->p->done_messages,
                  a->p->messages);
    if (a->aside) {
        a->p->next_seq = a->aside->seq;
        a->p->next_nsec = a->aside->stored_nsec;
    }
    work_reset(w);
    return stopper_asked(a->r->stopper) ? -ECANCELED : 0;
}

static int take(struct act *a, struct bus_delivery *d, struct strbuf *err)
{
    const struct work_limits limits = { .events = a->r->batch_max_events,
                                        .bytes = a->r->batch_max_bytes };
    int e = 0;

    if (!work_fits(&a->work, &limits, d)) {
        a->aside = d;
        e = settle(a, err);
        if (e != 0)
            return e; /* release() frees it */
        a->aside = NULL;
    }
    e = work_take(&a->work, d, a->p->stream, /* keep_usec= */ 0);
    if (e < 0) {
        (void)bus_delivery_free(d);
        return e;
    }
    return work_decode(&a->work, a->work.message_count - 1, a->decoder, a->p->kind);
}

static int read_messages(struct act *a, struct bus_reader *reader, struct strbuf *err)
{
    int e;

    for (;;) {
        struct bus_delivery *d = NULL;

        e = bus_reader_next(reader, &d, err);
        if (e <= 0)
            break;
        e = take(a, d, err);
        if (e != 0)
            return e;
    }
    if (e == 0)
        e = settle(a, err);
    if (e == 0)
        a->p->next_seq = 0;
    return e;
}

static int act_on(struct replay *r, struct replay_part *p, struct strbuf *err)
{
    const struct bus_reader_options options = {
        .stream = p->stream,
        .start_seq = p->first_seq,
        .end_seq = p->last_seq,
    };
    _cleanup_(bus_reader_freep) struct bus_reader *reader = NULL;
    struct act a = { .r = r, .p = p };
    int e;

    p->next_seq = p->first_seq;
    p->next_nsec = p->first_nsec;
    if (p->messages == 0)
        return 0;
    e = work_init(&a.work, r->batch_max_bytes);
    if (e < 0)
        return e;
    a.work.replay = &r->lost;
    a.decoder = event_decoder_new(VALIDATION_LENIENT, EVENT_BYTES_MAX);
    e = a.decoder ? bus_reader_open(r->bus, &options, &reader, err) : -ENOMEM;
    if (e == 0)
        e = read_messages(&a, reader, err);
    a.aside = bus_delivery_free(a.aside);
    a.decoder = event_decoder_free(a.decoder);
    work_release(&a.work);
    scan_release(&p->letters);
    return e;
}

int replay_act(struct replay *r, struct strbuf *err)
{
    int e = 0;

    progress_start(&r->progress);
    for (size_t i = 0; e == 0 && i < r->part_count; i++)
        e = act_on(r, &r->parts[i], err);
    progress_clear(&r->progress);
    return e;
}
