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

/* All of it at once would take seconds under load, for which dead rows of all tables stay. */
#define CUBE_PARTS 8u

/* *ret_merged: how many rows of a part, from 0 on; 0 when there were none, or another process is at
 * it. 0 or a db_outcome. */
int cube_merge(struct db *db, unsigned part, uint64_t *ret_merged, struct strbuf *err) MUST_CHECK;
/* Gives the room of merged rows back to those that come: under load the table would outgrow
 * PostgreSQL's own rounds. Connected. 0 or a db_outcome. */
int cube_vacuum(struct db *db, struct strbuf *err) MUST_CHECK;
