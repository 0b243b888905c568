#include "store/cube_merge.h"

#include "store/pg.h"

int cube_merge(struct db *db, uint64_t *ret_merged, struct strbuf *err)
{
    int r = pg_ask_number(db, "SELECT merge_cube_deltas()", ret_merged, err);

    if (r != 0 || *ret_merged == 0)
        return r;
    r = pg_exec(db, "VACUUM cube_deltas", err);
    if (r != 0)
        pg_abandon(db);
    return r;
}
