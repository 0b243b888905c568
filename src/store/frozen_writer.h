/*
 * Writers that were frozen (a stopped process, a paused machine) in the middle of a COPY or of a
 * pipeline. PostgreSQL waits for their next word as long as their machine answers: no timeout of a
 * session ends that, and meanwhile they hold locks.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"

/* Ends the sessions of writers that have been silent for 10 seconds while others wait for them;
 * what they had not committed is undone. *ret_ended: how many. 0 or a db_outcome. */
int frozen_writers_end(struct db *db, uint64_t *ret_ended, struct strbuf *err) MUST_CHECK;
