/*
 * Campaigns side by side: what they brought in one currency, and their clicks; a page of the list,
 * sorted by any of it. Buyers are in no rollup: they are counted from the transactions, of the
 * campaigns of the page, or of all when the list is sorted by them.
 */
#include <stdio.h>

#include "store/report_facts.h"
#include "store/report_query.h"

const char *const report_sort_names[SORT_COUNT] = {
    [SORT_REVENUE] = "revenue",           [SORT_ORDERS] = "orders", [SORT_BUYERS] = "buyers",
    [SORT_AVERAGE] = "averageOrderValue", [SORT_CLICKS] = "clicks", [SORT_CAMPAIGN] = "campaignId",
};

/* $1 to $3 pieces of cubes, $4 the source, $5 the currency, $6 and $7 the range. */
#define OF_SOURCE(alias) " ($4::text IS NULL OR " alias ".source = $4)"
#define ORDERS(alias, count)                                                                       \
    "coalesce(sum(" count ") FILTER (WHERE " alias ".currency = $5), 0) AS orders,"                \
    " coalesce(sum(" alias ".amount) FILTER (WHERE " alias ".currency = $5), 0) AS revenue"
#define CLICKS_OF(count) "0::numeric AS orders, 0::numeric AS revenue, sum(" count ") AS clicks"
#define FROM_TOTALS(cube, minutes)                                                                 \
    " FROM pieces p JOIN " REPORT_CUBE(cube, minutes) " WHERE" OF_SOURCE("c")
#define FROM_DELTAS(cube)                                                                          \
    " FROM pieces p JOIN cube_deltas d ON d.cube = '" cube "' AND p.grain > 0"                     \
    " AND d.bucket >= p.lo AND d.bucket < p.hi AND d.bucket >= " REPORT_RETAINED_FROM              \
    " WHERE" OF_SOURCE("d")
#define FROM_RAW(table)                                                                            \
    " FROM pieces p JOIN " table " e ON p.grain = 0 AND e.timestamp >= p.lo"                       \
    " AND e.timestamp < p.hi AND e.timestamp >= " REPORT_RETAINED_FROM " WHERE" OF_SOURCE("e")
#define A_CLICK(alias) " AND " alias ".event_type = 'ad.click'"

/* Each part is grouped by itself, which leaves few rows to sort. */
#define ORDERS_IN_TOTALS(minutes)                                                                  \
    "SELECT c.campaign_id, " ORDERS("c", "c.events") ", 0::numeric AS clicks" FROM_TOTALS(         \
        "campaign_revenue", minutes) " GROUP BY c.campaign_id"
#define ORDERS_IN_DELTAS                                                                           \
    "SELECT d.campaign_id, " ORDERS("d", "d.events") ", 0" FROM_DELTAS(                            \
        "campaign_revenue") " GROUP BY d.campaign_id"
#define ORDERS_IN_RAW                                                                              \
    "SELECT coalesce(e.campaign_id, ''), " ORDERS("e", "1") ", 0" FROM_RAW(                        \
        "revenue_transactions") " GROUP BY 1"
#define CLICKS_IN_TOTALS(cube, minutes)                                                            \
    "SELECT c.campaign_id, " CLICKS_OF("c.events") FROM_TOTALS(cube, minutes)                      \
        A_CLICK("c") " GROUP BY c.campaign_id"
#define CLICKS_IN_DELTAS                                                                           \
    "SELECT d.campaign_id, " CLICKS_OF("d.events") FROM_DELTAS("campaign_device")                  \
        A_CLICK("d") " GROUP BY d.campaign_id"
#define CLICKS_IN_RAW                                                                              \
    "SELECT coalesce(e.campaign_id, ''), " CLICKS_OF("1") FROM_RAW("processed_events")             \
        A_CLICK("e") " GROUP BY 1"
#define UNION_ALL " UNION ALL "
#define PARTS                                                                                      \
    ORDERS_IN_TOTALS("1440")                                                                       \
    UNION_ALL ORDERS_IN_TOTALS("60")                                                               \
        UNION_ALL ORDERS_IN_DELTAS UNION_ALL ORDERS_IN_RAW UNION_ALL CLICKS_IN_TOTALS(             \
            "campaign", "1440") UNION_ALL CLICKS_IN_TOTALS("campaign_device", "60")                \
            UNION_ALL CLICKS_IN_DELTAS UNION_ALL CLICKS_IN_RAW
#define SUMS                                                                                       \
    "WITH pieces AS (SELECT * FROM " REPORT_PIECES "), parts AS (" PARTS                           \
    "), sums AS (SELECT coalesce(nullif(campaign_id, ''), 'unknown') AS campaign,"                 \
    " sum(revenue) AS revenue, sum(orders) AS orders, sum(clicks) AS clicks,"                      \
    " round(sum(revenue) / nullif(sum(orders), 0), 2) AS average FROM parts GROUP BY 1)"

/* Who bought something. */
#define TRANSACTIONS(columns, of_campaign)                                                         \
    "SELECT " columns "t.source, t.user_id FROM revenue_transactions t WHERE " of_campaign         \
    " t.timestamp >= $6::timestamptz AND t.timestamp < $7::timestamptz"                            \
    " AND t.timestamp >= " REPORT_RETAINED_FROM " AND t.currency = $5 AND" OF_SOURCE("t")
/* Of the campaign x.campaign: the index of campaigns finds them. */
#define OF_NAMED TRANSACTIONS("", "t.campaign_id = x.campaign AND")
#define OF_NAMELESS TRANSACTIONS("", "x.campaign = 'unknown' AND t.campaign_id IS NULL AND")
#define BUYERS "(SELECT count(*) FROM (" OF_NAMED " UNION " OF_NAMELESS ") buyers)"
/* Of each campaign: they are read once, from one end to the other. */
#define OF_ANY TRANSACTIONS("coalesce(t.campaign_id, 'unknown') AS campaign, ", "")
#define BUYERS_OF_ALL                                                                              \
    "(SELECT campaign, count(*) AS buyers FROM (SELECT DISTINCT * FROM (" OF_ANY ") t) t"          \
    " GROUP BY campaign) b"

/* $8 the sort, $9 1 to descend and -1 to ascend, $10 the limit, $11 the offset. */
#define ORDER                                                                                      \
    " ORDER BY CASE $8::int WHEN 0 THEN revenue WHEN 1 THEN orders WHEN 2 THEN buyers"             \
    " WHEN 3 THEN average WHEN 4 THEN clicks END * $9::int DESC NULLS LAST,"                       \
    " CASE WHEN $8::int = 5 AND $9::int = 1 THEN campaign END DESC, campaign"
#define PAGE(ranked)                                                                               \
    SUMS ", ranked AS (" ranked "),"                                                               \
         " page AS (SELECT * FROM ranked" ORDER " LIMIT $10::bigint OFFSET $11::bigint),"          \
         " full_page AS (SELECT x.campaign, x.revenue, x.orders, coalesce(x.buyers, " BUYERS       \
         ") AS buyers, x.average, x.clicks FROM page x)"                                           \
         " SELECT (SELECT count(*) FROM sums), campaign, round(revenue, 2)::text, orders::bigint," \
         " buyers::bigint, average::text, clicks::bigint"                                          \
         " FROM (SELECT) one LEFT JOIN full_page ON true" ORDER

static const char page_sql[] = PAGE("SELECT *, NULL::bigint AS buyers FROM sums");
static const char buyers_page_sql[] =
    PAGE("SELECT s.*, coalesce(b.buyers, 0) AS buyers FROM sums s"
         " LEFT JOIN " BUYERS_OF_ALL " ON b.campaign = s.campaign");

enum column { CAMPAIGN_COUNT, CAMPAIGN, REVENUE, ORDER_COUNT, BUYER_COUNT, AVERAGE, CLICKS };

_Static_assert(SORT_REVENUE == 0 && SORT_ORDERS == 1 && SORT_BUYERS == 2 && SORT_AVERAGE == 3 &&
                   SORT_CLICKS == 4 && SORT_CAMPAIGN == 5,
               "the statement knows them by number");

enum call { CALL_RETENTION, CALL_EXTENT, CALL_PAGE, CALL_COUNT };

struct statements {
    struct report_pieces_param pieces;
    struct pg_call calls[CALL_COUNT];
    char times[2][8];
    char sort[16], limit[16], offset[16];
};

static void statements_init(struct statements *s, const struct report_filter *f)
{
    *s = (struct statements){
        .calls = { [CALL_RETENTION] = { .sql = report_retention_sql },
                   [CALL_EXTENT] = { .sql = report_extent_sql },
                   [CALL_PAGE] = { .sql = f->sort == SORT_BUYERS ? buyers_page_sql : page_sql } },
    };
    for (int i = 0; i < CALL_COUNT; i++)
        s->calls[i].params.binary_results = true;
    report_pieces_param_init(&s->pieces);
}

static void statements_release(struct statements *s)
{
    report_pieces_param_release(&s->pieces);
    pg_calls_clear(s->calls, CALL_COUNT);
}

static int add_params(struct statements *s, const struct report_filter *f)
{
    struct pg_params *p = &s->calls[CALL_PAGE].params;
    struct report_span span = report_span_of(f);
    int r = report_pieces_param_range(&s->pieces, f, &report_grains_cubes, p);

    pg_param_text(&s->calls[CALL_EXTENT].params, report_source_name(f));
    pg_param_text(p, report_source_name(f));
    pg_param_text(p, report_currency(f));
    report_param_time(p, span.from_usec, s->times[0]);
    report_param_time(p, span.to_usec, s->times[1]);
    (void)snprintf(s->sort, sizeof(s->sort), "%d", (int)f->sort);
    (void)snprintf(s->limit, sizeof(s->limit), "%u", f->limit);
    (void)snprintf(s->offset, sizeof(s->offset), "%u", f->offset);
    pg_param_text(p, s->sort);
    pg_param_text(p, f->ascending ? "-1" : "1");
    pg_param_text(p, s->limit);
    pg_param_text(p, s->offset);
    return r;
}

static void write_number(struct json_out *j, const char *key, const PGresult *rows, int row,
                         enum column column)
{
    json_key(j, key);
    json_i64(j, report_i64(rows, row, (int)column));
}

/* Decimals with two places, as the database wrote them. */
static void write_money(struct json_out *j, const char *key, struct span amount)
{
    json_key(j, key);
    if (amount.ptr)
        json_raw(j, amount);
    else
        json_null(j);
}

static void write_list(struct json_out *j, const PGresult *rows)
{
    json_key(j, "campaigns");
    json_array(j);
    for (int row = 0; row < PQntuples(rows); row++) {
        if (PQgetisnull(rows, row, CAMPAIGN))
            continue; /* an empty page */
        json_object(j);
        json_key(j, "campaignId");
        json_string(j, report_text(rows, row, CAMPAIGN));
        write_money(j, "revenue", report_text(rows, row, REVENUE));
        write_number(j, "orders", rows, row, ORDER_COUNT);
        write_number(j, "buyers", rows, row, BUYER_COUNT);
        write_money(j, "averageOrderValue", report_text(rows, row, AVERAGE));
        write_number(j, "clicks", rows, row, CLICKS);
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_answer(struct json_out *j, const struct report_filter *f,
                         const struct pg_call *calls)
{
    const PGresult *rows = calls[CALL_PAGE].result;
    uint64_t behind = (uint64_t)f->offset + f->limit;
    struct report_found found = { .any = false };

    report_found_retention(&found, calls[CALL_RETENTION].result);
    report_found_extent(&found, f, calls[CALL_EXTENT].result);
    json_object(j);
    json_key(j, "currency");
    json_str(j, report_currency(f));
    write_list(j, rows);
    write_number(j, "campaignCount", rows, 0, CAMPAIGN_COUNT);
    json_key(j, "next");
    if (behind < (uint64_t)report_i64(rows, 0, CAMPAIGN_COUNT))
        json_u64(j, behind);
    else
        json_null(j);
    report_write_range(j, f, &found);
    json_object_end(j);
}

int report_campaigns(struct db *db, const struct report_filter *f, struct strbuf *out,
                     struct strbuf *err)
{
    _cleanup_(statements_release) struct statements s;
    struct json_out j;
    int r;

    statements_init(&s, f);
    r = add_params(&s, f);
    if (r == 0)
        r = pg_call_all(db, s.calls, CALL_COUNT, err);
    if (r != 0)
        return r;
    json_out_init(&j, out);
    write_answer(&j, f, s.calls);
    return report_done(out, err);
}
