#include "ingest/work_dead.h"

#include <inttypes.h>
#include <stdio.h>

#include "bus/dead_letter.h"
#include "bus/layout.h"

#define PUBLISH_TIMEOUT_USEC UINT64_C(5000000)

int work_publish_dead(const struct work *w, const struct work_dead *dead, struct bus *bus,
                      const char *source, struct bus_result *ret_result)
{
    const struct store_message *m = &w->messages[dead->message];
    char origin[BUS_STREAM_NAME_MAX + 48], id[BUS_STREAM_NAME_MAX + 64];
    struct dead_letter_message message;

    (void)snprintf(origin, sizeof(origin), "%s/%" PRIu64 "/%" PRId64, m->stream, m->seq,
                   m->stored_nsec);
    (void)snprintf(id, sizeof(id), "%s/%" PRIu32, origin, dead->index);
    dead_letter_message_of(
        &(struct dead_letter){
            .source = source,
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
    return bus_publish_sync(bus, &message.message, PUBLISH_TIMEOUT_USEC, ret_result);
}

/* By halves: the good ones are passed over in few tries. */
static int isolate(struct work *w, struct store_writer *store, size_t first, size_t count,
                   size_t *ret_found, struct strbuf *err)
{
    struct store_batch batch = work_batch(w);
    size_t half = count / 2;
    int r;

    r = store_try(store, &batch, first, count, err);
    if (r != DB_DATA_FAULT)
        return r;
    if (count > 1) {
        r = isolate(w, store, first, half, ret_found, err);
        return r != 0 ? r : isolate(w, store, first + half, count - half, ret_found, err);
    }
    if (!w->events[first].dead) {
        r = work_event_failed(w, first, "database_refused", err->ptr);
        if (r < 0)
            return r;
        (*ret_found)++;
    }
    return 0;
}

int work_isolate(struct work *w, struct store_writer *store, size_t *ret_found, struct strbuf *err)
{
    *ret_found = 0;
    if (w->event_count == 0)
        return 0;
    return isolate(w, store, 0, w->event_count, ret_found, err);
}
