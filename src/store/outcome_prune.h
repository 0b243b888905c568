/*
 * Deletes what became of requests (request_outcomes) once nobody asks for it any more.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"

/* Deletes some rows that are older than seven days, in one transaction. *ret_deleted: how many; 0 =
 * none are left. 0 or a db_outcome. */
int outcome_prune_some(struct db *db, uint64_t *ret_deleted, struct strbuf *err) MUST_CHECK;
