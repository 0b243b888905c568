/*
 * Events of a batch that can never be stored: finding those that only the database can find, and
 * handing one over to the dead-letter stream.
 */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "bus/bus.h"
#include "bus/publisher.h"
#include "ingest/work.h"

/* Publishes a dead event and waits for its PubAck, up to 5 s. Its message id names message and
 * index, so that twice within the duplicate window is once. Errors as bus_publish_sync(). */
int work_publish_dead(const struct work *w, const struct work_dead *dead, struct bus *bus,
                      const char *source, struct bus_result *ret_result) MUST_CHECK;

/* After DB_DATA_FAULT: finds the events that can never be stored and marks them dead.
 * *ret_found: how many. 0 or a db_outcome: not now. */
int work_isolate(struct work *w, struct store_writer *store, size_t *ret_found,
                 struct strbuf *err) MUST_CHECK;
