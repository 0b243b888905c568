#include "store/cube_merge.h"

#include "base/number.h"
#include "store/pg.h"

static int merge(struct db *db, uint64_t *ret_merged, struct strbuf *err)
{
    const struct pg_params none = { 0 };
    _cleanup_result_ PGresult *res = NULL;
    int r = pg_query(db, "SELECT merge_cube_deltas()", &none, &res, err);

    return r == 0 ? parse_u64(span_str(PQgetvalue(res, 0, 0)), ret_merged) : r;
}

int cube_merge(struct db *db, uint64_t *ret_merged, struct strbuf *err)
{
    int r = db_connect(db, err);

    *ret_merged = 0;
    if (r == 0)
        r = merge(db, ret_merged, err);
    if (r == 0 && *ret_merged > 0)
        r = pg_exec(db, "VACUUM cube_deltas", err);
    if (r != 0)
        pg_abandon(db);
    return r;
}
