/*
 * Cuts a batch into transactions that PostgreSQL can hold: every partition a transaction touches
 * costs it locks, and there are max_locks_per_transaction (64 by default) times the connections of
 * them. Live events are of one or two days; a replay, or a publisher whose clock is random, can
 * bring thousands.
 */
#include <string.h>

#include "base/clock.h"
#include "store/writer_internal.h"

#define SLICE_DAYS_MAX 250
/* Each may be a bitmap of its own, in memory and in a parameter (writer_activity.c). */
#define SLICE_EVENTS_MAX 50000

/* Days by their number: two that share a bit are so far apart that counting them once is no matter.
 */
#define DAY_BITS 65536

struct day_set {
    uint64_t bits[DAY_BITS / 64];
    size_t count;
};

static void day_add(struct day_set *set, int64_t day)
{
    size_t bit = (uint64_t)day % DAY_BITS;
    uint64_t mask = UINT64_C(1) << (bit % 64);

    set->count += !(set->bits[bit / 64] & mask);
    set->bits[bit / 64] |= mask;
}

static size_t events_end(const struct store_batch *batch, size_t event, size_t message)
{
    while (event < batch->event_count && batch->events[event].message <= message)
        event++;
    return event;
}

bool slice_next(const struct store_batch *batch, struct batch_slice *slice)
{
    struct day_set days = { 0 };
    size_t message = slice->message_first + slice->message_count;
    size_t event = slice->event_first + slice->event_count;

    *slice = (struct batch_slice){ .message_first = message, .event_first = event };
    for (; message < batch->message_count; message++) {
        size_t end = events_end(batch, event, message);
        for (; event < end; event++)
            day_add(&days, clock_day_of(batch->events[event].event.timestamp_usec));
        if ((days.count > SLICE_DAYS_MAX || end - slice->event_first > SLICE_EVENTS_MAX) &&
            slice->message_count)
            break;
        slice->message_count++;
        slice->event_count = event - slice->event_first;
    }
    return slice->message_count > 0;
}
