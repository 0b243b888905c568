#include "ingest/work.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bus/bus.h"
#include "ingest/room.h"

/* What decoding may need beyond the payloads: copies of strings, dead letters of a hostile message.
 */
#define ARENA_EXTRA_BYTES (UINT64_C(64) << 20)
#define ARENA_BLOCK_BYTES ((size_t)1 << 20)

int work_init(struct work *w, uint64_t batch_max_bytes)
{
    *w = (struct work){ 0 };
    arena_init(&w->arena, ARENA_BLOCK_BYTES, 2 * batch_max_bytes + ARENA_EXTRA_BYTES);
    return -pthread_mutex_init(&w->lock, NULL);
}

void work_release(struct work *w)
{
    work_reset(w);
    arena_release(&w->arena);
    free(w->deliveries);
    free(w->messages);
    free(w->events);
    free(w->dead);
    free(w->runs);
    free(w->message_runs);
    (void)pthread_mutex_destroy(&w->lock);
}

void work_reset(struct work *w)
{
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->message_count; i++)
        w->deliveries[i] = bus_delivery_free(w->deliveries[i]);
    w->message_count = 0;
    pthread_mutex_unlock(&w->lock);
    arena_reset(&w->arena);
    w->event_count = 0;
    w->dead_count = 0;
    w->run_count = 0;
    w->message_run_count = 0;
    w->bytes = 0;
    w->newest_seq = 0;
    w->queued = 0;
    w->suspect = false;
}

bool work_fits(const struct work *w, const struct work_limits *limits, const struct bus_delivery *d)
{
    return w->message_count == 0 ||
           (w->event_count < limits->events && w->message_count < limits->events &&
            w->bytes + d->payload.len <= limits->bytes);
}

bool work_has(const struct work *w, const struct bus_delivery *d)
{
    if (d->deliveries < 2 || d->seq > w->newest_seq)
        return false;
    for (size_t i = 0; i < w->message_count; i++)
        if (w->messages[i].seq == d->seq && w->messages[i].stored_nsec == d->stored_nsec)
            return true;
    return false;
}

int work_take(struct work *w, struct bus_delivery *d, const char *stream, uint64_t keep_usec)
{
    uint64_t now = clock_mono_usec();
    int r;

    r = ROOM_FOR_ONE(w->messages, w->message_room, w->message_count);
    if (r < 0)
        return r;
    pthread_mutex_lock(&w->lock);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): its elements are pointers */
    r = ROOM_FOR_ONE(w->deliveries, w->delivery_room, w->message_count);
    if (r == 0) {
        w->messages[w->message_count] = (struct store_message){
            .stream = stream,
            .seq = d->seq,
            .stored_nsec = d->stored_nsec,
        };
        w->deliveries[w->message_count] = d;
        if (w->message_count++ == 0) {
            w->begun_usec = now;
            w->keep_usec = now + keep_usec;
        }
    }
    pthread_mutex_unlock(&w->lock);
    if (r < 0)
        return r;
    w->bytes += d->payload.len;
    w->newest_seq = MAX(w->newest_seq, d->seq);
    return 0;
}

/* moved: where each message lies now. moved_runs: the same of runs, filled here. */
static void drop_runs(struct work *w, const bool *flags, const uint32_t *moved,
                      uint32_t *moved_runs)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->message_run_count; i++) {
        struct store_run run = w->message_runs[i];

        if (flags[run.message])
            continue;
        run.message = moved[run.message];
        moved_runs[i] = (uint32_t)kept;
        w->message_runs[kept++] = run;
    }
    w->message_run_count = kept;
}

int work_drop(struct work *w, const bool *flags)
{
    _cleanup_free_ uint32_t *moved = NULL, *moved_runs = NULL;
    size_t kept_messages = 0, kept_events = 0, kept_dead = 0;

    moved = calloc(w->message_count, sizeof(*moved));
    moved_runs = calloc(w->message_run_count + 1, sizeof(*moved_runs));
    if (!moved || !moved_runs)
        return -ENOMEM;
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->message_count; i++) {
        if (flags[i]) {
            w->deliveries[i] = bus_delivery_free(w->deliveries[i]);
            continue;
        }
        moved[i] = (uint32_t)kept_messages;
        w->deliveries[kept_messages] = w->deliveries[i];
        w->messages[kept_messages++] = w->messages[i];
    }
    w->message_count = kept_messages;
    pthread_mutex_unlock(&w->lock);

    drop_runs(w, flags, moved, moved_runs);
    for (size_t i = 0; i < w->event_count; i++) {
        if (flags[w->events[i].message])
            continue;
        w->events[kept_events] = w->events[i];
        w->events[kept_events].message = moved[w->events[i].message];
        w->events[kept_events].run = moved_runs[w->events[i].run];
        kept_events++;
    }
    w->event_count = kept_events;
    for (size_t i = 0; i < w->dead_count; i++) {
        if (flags[w->dead[i].message])
            continue;
        w->dead[kept_dead] = w->dead[i];
        w->dead[kept_dead].message = moved[w->dead[i].message];
        w->dead[kept_dead].run = moved_runs[w->dead[i].run];
        kept_dead++;
    }
    w->dead_count = kept_dead;
    return 0;
}

void work_drop_last(struct work *w)
{
    struct bus_delivery *d = work_hand_out(w, w->message_count - 1);

    w->bytes -= d->payload.len;
    (void)bus_delivery_free(d);
    pthread_mutex_lock(&w->lock);
    w->message_count--;
    pthread_mutex_unlock(&w->lock);
}

struct bus_delivery *work_hand_out(struct work *w, size_t message)
{
    struct bus_delivery *d;

    pthread_mutex_lock(&w->lock);
    d = TAKE_PTR(w->deliveries[message]);
    pthread_mutex_unlock(&w->lock);
    return d;
}

void work_answer(struct work *w, struct bus *bus, enum bus_ack kind)
{
    bool sent = true;

    for (size_t i = 0; i < w->message_count; i++) {
        _cleanup_(bus_delivery_freep) struct bus_delivery *d = work_hand_out(w, i);

        if (d && sent)
            sent = bus_ack(bus, d, kind) == 0;
    }
}

void work_keep_alive(struct work *w, struct bus *bus, uint64_t now_usec, uint64_t every_usec)
{
    pthread_mutex_lock(&w->lock);
    if (w->message_count > 0 && now_usec >= w->keep_usec) {
        for (size_t i = 0; i < w->message_count; i++)
            if (w->deliveries[i] && bus_ack(bus, w->deliveries[i], BUS_WORKING) < 0)
                break;
        w->keep_usec = now_usec + every_usec;
    }
    pthread_mutex_unlock(&w->lock);
}

struct store_batch work_batch(struct work *w)
{
    return (struct store_batch){
        .messages = w->messages,
        .message_count = w->message_count,
        .events = w->events,
        .event_count = w->event_count,
        .runs = w->message_runs,
        .run_count = w->message_run_count,
        .replay = w->replay,
    };
}
