/* Between the outbox's two files. */
#pragma once

#include "base/clock.h"
#include "gateway/outbox.h"

/* An ack takes about a millisecond. One that takes so long says that the server has stopped: what
 * comes now is sent all the same, and its ack timeout begins. */
#define GATHER_USEC_MAX (100 * USEC_PER_MSEC)

/* Adds to what is in flight; both may be negative. */
void outbox_count_inflight(struct outbox *ob, int messages, int64_t bytes);

/* One message's outcome for each request that waits for it. Calls done() of those that are. */
void outbox_settle(struct outbox *ob, struct pending *waiters, enum failure failure,
                   uint32_t duplicates);

/* Takes all events of an open message back; their requests fail. */
void outbox_drop(struct outbox *ob, struct outbox_message *m, int lane, enum failure failure);
