/* How many events, by source, stage and type: counted once, the small table of counts summed up. */
#include <string.h>

#include "store/report_query.h"

static const char sql[] =
    "WITH counts AS (SELECT source, funnel_stage, event_type, count(*) AS n,"
    " min(timestamp) AS earliest, max(timestamp) AS latest FROM processed_events"
    " WHERE " REPORT_IN_RANGE " AND " REPORT_OF_SOURCE
    " AND ($4::text IS NULL OR funnel_stage = $4) AND ($5::text IS NULL OR event_type = $5)"
    " GROUP BY source, funnel_stage, event_type)"
    " SELECT grouping(source, funnel_stage, event_type) AS of,"
    " coalesce(source, funnel_stage, event_type) COLLATE \"C\" AS name, sum(n)::bigint,"
    " " REPORT_USEC("min(earliest)") ", " REPORT_USEC(
        "max(latest)") ", " REPORT_RETAINED_USEC " FROM counts"
                       " GROUP BY GROUPING SETS ((source), (funnel_stage), (event_type), ())"
                       " ORDER BY of, name";

enum column { OF, NAME, COUNT, EARLIEST, LATEST, RETAINED };

/* grouping(source, funnel_stage, event_type): a bit is set for what a row is not grouped by. */
#define OF_SOURCE "3"
#define OF_STAGE "5"
#define OF_TYPE "6"

static void counts_of(struct json_out *j, const char *key, const PGresult *rows, const char *of)
{
    json_key(j, key);
    json_object(j);
    for (int row = 0; row < PQntuples(rows); row++) {
        if (strcmp(PQgetvalue(rows, row, OF), of) != 0)
            continue;
        json_key_span(j, report_text(rows, row, NAME));
        json_u64(j, report_u64(rows, row, COUNT));
    }
    json_object_end(j);
}

int report_events(struct db *db, const struct report_filter *f, struct strbuf *out,
                  struct strbuf *err)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct report_params params;
    struct json_out j;
    int r, all;

    report_params_init(&params, f);
    pg_param_text(&params.pg, f->stage < 0 ? NULL : event_stage_names[f->stage]);
    pg_param_text(&params.pg, f->type < 0 ? NULL : event_type_names[f->type]);
    r = report_run(db, sql, &params, &rows, err);
    if (r != 0)
        return r;
    all = PQntuples(rows) - 1; /* the grand total sorts last and is always there */
    json_out_init(&j, out);
    json_object(&j);
    json_key(&j, "totalEvents");
    json_u64(&j, report_u64(rows, all, COUNT));
    counts_of(&j, "eventsBySource", rows, OF_SOURCE);
    counts_of(&j, "eventsByFunnelStage", rows, OF_STAGE);
    counts_of(&j, "eventsByType", rows, OF_TYPE);
    report_time_range(&j, f, rows, all, EARLIEST, LATEST);
    report_retained(&j, f, rows, all, RETAINED);
    json_object_end(&j);
    return report_done(out, err);
}
