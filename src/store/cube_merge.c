#include "store/cube_merge.h"

#include <stdio.h>

#include "store/pg.h"

int cube_merge(struct db *db, unsigned part, uint64_t *ret_merged, struct strbuf *err)
{
    char sql[64];

    (void)snprintf(sql, sizeof(sql), "SELECT merge_cube_deltas(%u, %u)", part, CUBE_PARTS);
    return pg_ask_number(db, sql, ret_merged, err);
}

int cube_vacuum(struct db *db, struct strbuf *err)
{
    int r = pg_exec(db, "VACUUM cube_deltas", err);

    if (r != 0)
        pg_abandon(db);
    return r;
}
