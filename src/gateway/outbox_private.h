/* Between the outbox's two files. */
#pragma once

#include "gateway/outbox.h"

/* Adds to what is in flight; both may be negative. */
void outbox_count_inflight(struct outbox *ob, int messages, int64_t bytes);

/* One message's outcome for each request that waits for it. Calls done() of those that are. */
void outbox_settle(struct outbox *ob, struct pending *waiters, enum failure failure,
                   uint32_t duplicates);

/* Takes all events of an open message back; their requests fail. */
void outbox_drop(struct outbox *ob, struct outbox_message *m, int lane, enum failure failure);
