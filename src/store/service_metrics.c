#include "store/service_metrics.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "store/array.h"

static const char insert_sql[] =
    "INSERT INTO event_metrics (minute, value, service, instance, metric)"
    " SELECT * FROM unnest($1::timestamptz[], $2::float8[], $3::text[], $4::text[], $5::text[])"
    " ON CONFLICT DO NOTHING";

enum { MINUTE, VALUE, SERVICE, INSTANCE, METRIC, COLUMNS };

static int fill(struct pg_array *columns, const struct service_metric_row *rows, size_t count,
                struct pg_params *params)
{
    static const enum pg_type types[COLUMNS] = {
        [MINUTE] = PG_TIMESTAMPTZ, [VALUE] = PG_FLOAT8, [SERVICE] = PG_TEXT,
        [INSTANCE] = PG_TEXT,      [METRIC] = PG_TEXT,
    };
    int r = 0;

    for (int i = 0; i < COLUMNS; i++)
        pg_array_start(&columns[i], types[i]);
    for (size_t i = 0; i < count; i++) {
        pg_array_timestamp(&columns[MINUTE], rows[i].minute_usec);
        pg_array_double(&columns[VALUE], rows[i].value);
        pg_array_text(&columns[SERVICE], rows[i].service);
        pg_array_text(&columns[INSTANCE], rows[i].instance);
        pg_array_text(&columns[METRIC], rows[i].metric);
    }
    for (int i = 0; r == 0 && i < COLUMNS; i++)
        r = pg_array_param(&columns[i], params);
    return r;
}

static int insert(struct db *db, const struct pg_params *params, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    int r = db_connect(db, err);

    if (r == 0)
        r = pg_query(db, insert_sql, params, &res, err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

int service_metrics_store(struct db *db, const struct service_metric_row *rows, size_t count,
                          struct strbuf *err)
{
    struct pg_array columns[COLUMNS];
    struct pg_params params = { 0 };
    int r;

    for (int i = 0; i < COLUMNS; i++)
        pg_array_init(&columns[i]);
    r = fill(columns, rows, count, &params);
    if (r == 0)
        r = insert(db, &params, err);
    for (int i = 0; i < COLUMNS; i++)
        pg_array_release(&columns[i]);
    return r;
}

static const char prune_sql[] =
    "WITH gone AS (DELETE FROM event_metrics WHERE ctid = ANY (ARRAY(SELECT ctid FROM event_metrics"
    " WHERE minute < now() - $1::integer * interval '1 day' ORDER BY minute LIMIT 10000))"
    " RETURNING 1) SELECT count(*) FROM gone";

int service_metrics_prune(struct db *db, uint32_t days, uint64_t *ret_deleted, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params params = { 0 };
    char text[12];
    int r = db_connect(db, err);

    (void)snprintf(text, sizeof(text), "%" PRIu32, days);
    pg_param_text(&params, text);
    if (r == 0)
        r = pg_query(db, prune_sql, &params, &res, err);
    if (r == 0)
        return parse_u64(span_str(PQgetvalue(res, 0, 0)), ret_deleted);
    pg_abandon(db);
    return r;
}
