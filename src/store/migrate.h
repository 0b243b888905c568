/*
 * Schema migrations: sql/migrations/NNNN_name.sql, put into the binary, each run once in its own
 * transaction, in order, by one runner at a time (advisory lock); recorded in schema_migrations
 * with a checksum, so that a migration changed after it ran is noticed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"

/* Applies what is missing; waits for another runner. `db` SHOULD have no statement timeout, which
 * would cut both short. A database that is newer than this binary is fine: nothing is done. A
 * migration that was changed after it ran is DB_REFUSED. *ret_applied: how many ran now. 0 or a
 * db_outcome; *err for a person. */
int migrate_run(struct db *db, uint32_t *ret_applied, struct strbuf *err) MUST_CHECK;

/* Distributes the tables over the nodes of a Citus cluster (sql/citus/), those that are not yet.
 * The schema MUST be up to date. Without the extension: DB_REFUSED with *err. */
int migrate_distribute(struct db *db, struct strbuf *err) MUST_CHECK;

struct migration_state {
    uint32_t version; /* of the newest applied; 0 = none */
    uint32_t wanted;  /* of the newest this binary knows */
};
int migrate_state_of(struct db *db, struct migration_state *ret, struct strbuf *err) MUST_CHECK;
