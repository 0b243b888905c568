/*
 * One view of the database for all statements of a report: what is committed while it runs is in
 * none of them. Read only, so that a hot standby gives it as well.
 *
 *   r = snapshot_begin(db, &view, err);
 *   if (r == 0)
 *       r = report_...(db, ..., err);
 *   snapshot_end(db);
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"

struct snapshot {
    bool has_through;
    int64_t
        through_usec; /* every event acknowledged before it is in the view, whatever its source */
};

/* Connects if need be and takes the view, in one round trip. All that runs on `db` until
 * snapshot_end() sees it, has the statement timeout for all of it together, and fails when the
 * connection ends rather than going on in another one. 0 or a db_outcome with *err for a person. */
int snapshot_begin(struct db *db, struct snapshot *ret, struct strbuf *err) MUST_CHECK;
/* Call it whatever became of the statements, also when snapshot_begin() failed. Does not wait for
 * the server: its answer is taken in when `db` is used next. */
void snapshot_end(struct db *db);
