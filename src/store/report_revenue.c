/*
 * Revenue in one currency, by source and campaign, and the sum of each currency. Sums are numeric
 * from end to end; their text goes into the answer as it is.
 */
#include <string.h>

#include "store/report_query.h"

static const char sql[] =
    "WITH sums AS (SELECT source, coalesce(campaign_id, 'unknown') AS campaign, currency,"
    " count(*) AS n, sum(amount) AS amount, min(timestamp) AS earliest, max(timestamp) AS latest"
    " FROM revenue_transactions WHERE " REPORT_IN_RANGE " AND " REPORT_OF_SOURCE
    " AND ($4::text IS NULL OR coalesce(campaign_id, 'unknown') = $4)"
    " GROUP BY source, coalesce(campaign_id, 'unknown'), currency)"
    " SELECT grouping(source, campaign, currency) AS of,"
    " coalesce(source, campaign, currency) COLLATE \"C\" AS name, sum(amount),"
    " sum(amount) FILTER (WHERE currency = $5::text), sum(n)::bigint,"
    " " REPORT_USEC("min(earliest)") ", " REPORT_USEC(
        "max(latest)") ", " REPORT_RETAINED_USEC " FROM sums"
                       " GROUP BY GROUPING SETS ((source), (campaign), (currency), ())"
                       " ORDER BY of, name";

enum column { OF, NAME, AMOUNT, OWN_AMOUNT, COUNT, EARLIEST, LATEST, RETAINED };

/* grouping(source, campaign, currency): a bit is set for what a row is not grouped by. */
#define OF_SOURCE "3"
#define OF_CAMPAIGN "5"
#define OF_CURRENCY "6"

/* The own amount is null where nothing was taken in the report's currency: such names are left out.
 */
static void amounts_of(struct json_out *j, const char *key, const PGresult *rows, const char *of,
                       enum column amount)
{
    json_key(j, key);
    json_object(j);
    for (int row = 0; row < PQntuples(rows); row++) {
        if (strcmp(PQgetvalue(rows, row, OF), of) != 0 || PQgetisnull(rows, row, (int)amount))
            continue;
        json_key_span(j, report_text(rows, row, NAME));
        json_raw(j, report_text(rows, row, (int)amount));
    }
    json_object_end(j);
}

static void write_answer(struct json_out *j, const struct report_filter *f, const char *currency,
                         const PGresult *rows)
{
    int all = PQntuples(rows) - 1; /* the grand total sorts last and is always there */
    struct span total = report_text(rows, all, OWN_AMOUNT);

    json_object(j);
    json_key(j, "currency");
    json_str(j, currency);
    json_key(j, "totalRevenue");
    json_raw(j, total.ptr ? total : SPAN("0.00"));
    amounts_of(j, "revenueBySource", rows, OF_SOURCE, OWN_AMOUNT);
    amounts_of(j, "revenueByCampaign", rows, OF_CAMPAIGN, OWN_AMOUNT);
    amounts_of(j, "revenueByCurrency", rows, OF_CURRENCY, AMOUNT);
    json_key(j, "transactionCount");
    json_u64(j, report_u64(rows, all, COUNT));
    report_time_range(j, f, rows, all, EARLIEST, LATEST);
    report_retained(j, f, rows, all, RETAINED);
    json_object_end(j);
}

int report_revenue(struct db *db, const struct report_filter *f, struct strbuf *out,
                   struct strbuf *err)
{
    const char *currency = f->currency[0] ? f->currency : f->default_currency;
    _cleanup_result_ PGresult *rows = NULL;
    _cleanup_strbuf_ struct strbuf campaign;
    struct report_params params;
    struct json_out j;
    int r;

    /* A parameter is a C string; the span is none. */
    strbuf_init(&campaign, EVENT_TEXT_MAX * 8);
    r = strbuf_addspan(&campaign, f->campaign_id);
    if (r < 0)
        return r;
    report_params_init(&params, f);
    pg_param_text(&params.pg, f->campaign_id.ptr ? campaign.ptr : NULL);
    pg_param_text(&params.pg, currency);
    r = report_run(db, sql, &params, &rows, err);
    if (r != 0)
        return r;
    json_out_init(&j, out);
    write_answer(&j, f, currency, rows);
    return report_done(out, err);
}
