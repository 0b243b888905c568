#include "store/facts.h"

#include <stdio.h>

#include "base/number.h"
#include "store/pg.h"

static const char sql[] =
    "SELECT current_setting('server_version'), current_setting('server_version_num'),"
    " pg_database_size(current_database()),"
    " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
    " current_setting('max_connections'), pg_is_in_recovery()::int,"
    " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

enum column { VERSION, VERSION_NUM, BYTES, CONNECTIONS, CONNECTIONS_MAX, REPLICA, CLOCK };

static uint64_t number(const PGresult *row, enum column column)
{
    uint64_t v = 0;

    (void)!parse_u64(span_str(PQgetvalue(row, 0, (int)column)), &v);
    return v;
}

int db_facts_of(struct db *db, struct db_facts *ret, struct strbuf *err)
{
    const struct pg_params none = { 0 };
    _cleanup_result_ PGresult *row = NULL;
    int r = db_connect(db, err);

    if (r == 0)
        r = pg_query(db, sql, &none, &row, err);
    if (r != 0) {
        pg_abandon(db);
        return r;
    }
    *ret = (struct db_facts){
        .version_num = (uint32_t)number(row, VERSION_NUM),
        .bytes = number(row, BYTES),
        .connections = (uint32_t)number(row, CONNECTIONS),
        .connections_max = (uint32_t)number(row, CONNECTIONS_MAX),
        .replica = number(row, REPLICA) != 0,
        .clock_usec = (int64_t)number(row, CLOCK),
    };
    (void)snprintf(ret->version, sizeof(ret->version), "%s", PQgetvalue(row, 0, VERSION));
    return 0;
}
