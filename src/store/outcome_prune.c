#include "store/outcome_prune.h"

#include "store/pg.h"

#define CHUNK_ROWS "10000"

static const char prune_sql[] =
    "WITH gone AS (DELETE FROM request_outcomes WHERE ctid = ANY (ARRAY(SELECT ctid"
    " FROM request_outcomes WHERE processed_at < now() - interval '7 days'"
    " ORDER BY processed_at LIMIT " CHUNK_ROWS ")) RETURNING 1) SELECT count(*) FROM gone";

int outcome_prune_some(struct db *db, uint64_t *ret_deleted, struct strbuf *err)
{
    return pg_ask_number(db, prune_sql, ret_deleted, err);
}
