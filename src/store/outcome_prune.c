#include "store/outcome_prune.h"

#include "base/number.h"
#include "store/pg.h"

#define CHUNK_ROWS "10000"

static const char prune_sql[] =
    "WITH gone AS (DELETE FROM request_outcomes WHERE ctid = ANY (ARRAY(SELECT ctid"
    " FROM request_outcomes WHERE processed_at < now() - interval '7 days'"
    " ORDER BY processed_at LIMIT " CHUNK_ROWS ")) RETURNING 1) SELECT count(*) FROM gone";

int outcome_prune_some(struct db *db, uint64_t *ret_deleted, struct strbuf *err)
{
    const struct pg_params none = { 0 };
    _cleanup_result_ PGresult *res = NULL;
    int r = db_connect(db, err);

    if (r == 0)
        r = pg_query(db, prune_sql, &none, &res, err);
    if (r == 0)
        return parse_u64(span_str(PQgetvalue(res, 0, 0)), ret_deleted);
    pg_abandon(db);
    return r;
}
