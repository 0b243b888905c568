/* Events that can never be stored. Each is published to the dead-letter stream, and its PubAck
 * awaited, before the transaction that counts it commits; then it is on record in one place or the
 * other. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bus/dead_letter.h"
#include "bus/publisher.h"
#include "collector/layout.h"
#include "collector/worker.h"
#include "store/quarantine.h"

#define PUBLISH_TIMEOUT_USEC UINT64_C(5000000)
/* Lines about single dead events; a hostile message must not fill the log. */
#define LOGGED_MAX 20

static size_t unpublished(const struct work *work)
{
    size_t count = 0;

    for (size_t i = 0; i < work->dead_count; i++)
        count += !work->dead[i].published;
    return count;
}

/* A message that was stored before has its dead letters on record: the duplicate window of the
 * stream may be over, so that publishing them again would double them. */
static int skip_stored(struct worker *w, struct work *work, struct strbuf *err)
{
    bool *stored = arena_array(&work->arena, bool, work->message_count);
    int r;

    if (!stored)
        return -ENOMEM;
    r = quarantine_stored(w->side_db, work->messages, work->message_count, stored, err);
    if (r != 0)
        return r;
    for (size_t i = 0; i < work->dead_count; i++)
        if (stored[work->dead[i].message])
            work->dead[i].published = true;
    return 0;
}

static int publish(struct worker *w, const struct work *work, const struct work_dead *dead,
                   struct bus_result *ret_result)
{
    const struct store_message *m = &work->messages[dead->message];
    char origin[BUS_STREAM_NAME_MAX + 48], id[BUS_STREAM_NAME_MAX + 64];
    struct dead_letter_message message;

    (void)snprintf(origin, sizeof(origin), "%s/%" PRIu64 "/%" PRId64, m->stream, m->seq,
                   m->stored_nsec);
    (void)snprintf(id, sizeof(id), "%s/%" PRIu32, origin, dead->index);
    dead_letter_message_of(
        &(struct dead_letter){
            .source = w->c->source->name,
            .bytes = dead->bytes,
            .reason = dead->reason,
            .detail = dead->detail,
            .pointer = dead->pointer,
            .correlation_id = dead->correlation_id,
            .origin = origin,
            .index = dead->index,
            .received_usec = dead->received_usec,
            .msg_id = id,
        },
        &message);
    return bus_publish_sync(w->c->bus, &message.message, PUBLISH_TIMEOUT_USEC, ret_result);
}

static void log_dead(const struct worker *w, const struct work *work, const struct work_dead *dead)
{
    log_warn(w->c->log, "event.dead", "an event can never be stored",
             KV_CORRELATION(dead->correlation_id), KV_STR("reason", dead->reason),
             KV_STR("pointer", dead->pointer), KV_STR("detail", dead->detail),
             KV_UINT("sequence", work->messages[dead->message].seq), KV_UINT("index", dead->index),
             KV_UINT("events", dead->events), KV_STR("then", "it is in " BUS_DLQ_STREAM));
}

/* The stream takes no more: its message waits in the event stream, its neighbours go on. */
static void refuse(struct worker *w, const struct work *work, const struct work_dead *dead,
                   const struct bus_result *result, bool *refused)
{
    if (!refused[dead->message])
        log_error(w->c->log, "dead_letter.refused", "the dead-letter stream refuses an event",
                  KV_STR("error", result->error),
                  KV_UINT("sequence", work->messages[dead->message].seq),
                  KV_STR("then", "its message is tried again after ACK_WAIT"));
    refused[dead->message] = true;
    layout_forget(w->c); /* in case the stream is gone */
}

static int publish_all(struct worker *w, struct work *work, bool *refused, bool *ret_any_refused,
                       struct strbuf *err)
{
    unsigned logged = 0;

    for (size_t i = 0; i < work->dead_count; i++) {
        struct work_dead *dead = &work->dead[i];
        struct bus_result result = { 0 };
        int r;

        if (dead->published || refused[dead->message])
            continue;
        r = publish(w, work, dead, &result);
        if (r == -EIO) {
            refuse(w, work, dead, &result, refused);
            *ret_any_refused = true;
            continue;
        }
        if (r < 0) {
            strbuf_setf(err, "a dead letter was not acknowledged: %s", strerror(-r));
            return r;
        }
        dead->published = true;
        if (logged++ < LOGGED_MAX)
            log_dead(w, work, dead);
    }
    return 0;
}

int dead_letters_publish(struct worker *w, struct work *work, struct strbuf *err)
{
    bool *refused, any_refused = false;
    int r;

    if (unpublished(work) == 0)
        return 0;
    r = skip_stored(w, work, err);
    if (r != 0)
        return r;
    refused = arena_zalloc(&work->arena, work->message_count * sizeof(*refused));
    if (!refused)
        return -ENOMEM;
    r = publish_all(w, work, refused, &any_refused, err);
    if (r == 0 && any_refused)
        r = work_drop(work, refused);
    return r;
}

/* By halves: the good ones are passed over in few tries. */
static int isolate(struct worker *w, struct work *work, size_t first, size_t count,
                   size_t *ret_found, struct strbuf *err)
{
    struct store_batch batch = work_batch(work);
    size_t half = count / 2;
    int r;

    r = store_try(w->store, &batch, first, count, err);
    if (r != DB_DATA_FAULT)
        return r;
    if (count > 1) {
        r = isolate(w, work, first, half, ret_found, err);
        return r != 0 ? r : isolate(w, work, first + half, count - half, ret_found, err);
    }
    if (!work->events[first].dead) {
        r = work_event_failed(work, first, "database_refused", err->ptr);
        if (r < 0)
            return r;
        (*ret_found)++;
    }
    return 0;
}

int dead_letters_isolate(struct worker *w, struct work *work, size_t *ret_found, struct strbuf *err)
{
    *ret_found = 0;
    if (work->event_count == 0)
        return 0;
    return isolate(w, work, 0, work->event_count, ret_found, err);
}
