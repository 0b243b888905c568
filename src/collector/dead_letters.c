/* Events that can never be stored. Each is published to the dead-letter stream, and its PubAck
 * awaited, before the transaction that counts it commits; then it is on record in one place or the
 * other. */
#include <errno.h>
#include <string.h>

#include "collector/layout.h"
#include "collector/worker.h"
#include "ingest/work_dead.h"
#include "store/quarantine.h"

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
        r = work_publish_dead(work, dead, w->c->bus, w->c->source->name, &result);
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
