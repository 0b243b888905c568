/*
 * Moves what transactions added to cube_deltas into cube_totals (sql/migrations/, table
 * cube_totals), so that reports find few rows there. Reports are exact without it, but slower and
 * slower. Any number of processes may call it: one at a time does the work.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"

/* *ret_merged: how many rows; 0 when there were none, or another process is at it. What is deleted
 * is vacuumed at once: under load the table would outgrow PostgreSQL's own rounds. 0 or a
 * db_outcome. */
int cube_merge(struct db *db, uint64_t *ret_merged, struct strbuf *err) MUST_CHECK;
