/* Statements of facts, put together from constants. */
#include "store/report_facts_sql.h"

#include <stdio.h>

#include "store/report_query.h"

#define BIT(dimension) (1U << (dimension))
#define OF_STAGE (BIT(DIMENSION_SOURCE) | BIT(DIMENSION_STAGE))
#define OF_EVENT (OF_STAGE | BIT(DIMENSION_TYPE))
#define CAMPAIGN BIT(DIMENSION_CAMPAIGN)
#define COUNTRY BIT(DIMENSION_COUNTRY)
#define DEVICE BIT(DIMENSION_DEVICE)

#define RAW_EVENTS "event_facts e"
#define RAW_REVENUE                                                                                \
    "(SELECT timestamp, source, currency, amount, coalesce(campaign_id, '') AS campaign_id"        \
    " FROM revenue_transactions) e"
/* The transactions of one campaign, by the index that has them together; looked up for each piece,
 * of which a series has two for each bucket. */
#define IN_PIECE " AND timestamp >= p.lo AND timestamp < p.hi"
#define RAW_REVENUE_OF_CAMPAIGN                                                                    \
    "LATERAL (SELECT timestamp, source, currency, amount, campaign_id FROM revenue_transactions"   \
    " WHERE campaign_id = $7" IN_PIECE " UNION ALL SELECT timestamp, source, currency, amount, ''" \
    " FROM revenue_transactions WHERE $7 = 'unknown' AND campaign_id IS NULL" IN_PIECE             \
    " OFFSET 0) e"

/* Both sides of the join are looked up by time for each piece: OFFSET 0 keeps the planner from
 * joining all transactions with all events first. */
#define RAW_REVENUE_FACTS                                                                          \
    "LATERAL (SELECT f.*, r.currency, r.amount FROM revenue_transactions r"                        \
    " JOIN event_facts f ON f.timestamp = r.timestamp AND f.event_key = r.event_key"               \
    " WHERE r.timestamp >= p.lo AND r.timestamp < p.hi"                                            \
    " AND f.timestamp >= p.lo AND f.timestamp < p.hi OFFSET 0) e"

/* Cheapest first. */
static const struct report_rollup rollups[] = {
    { SUBJECT_EVENTS, OF_EVENT, NULL, NULL, "event_counts", "events", "0", RAW_EVENTS, NULL },
    { SUBJECT_EVENTS, OF_EVENT | COUNTRY | DEVICE, "country_device", NULL, NULL, "events", "0",
      RAW_EVENTS, NULL },
    { SUBJECT_EVENTS, OF_EVENT | CAMPAIGN, "campaign_device", "campaign", NULL, "events", "0",
      RAW_EVENTS, NULL },
    { SUBJECT_EVENTS, OF_EVENT | CAMPAIGN | DEVICE, "campaign_device", NULL, NULL, "events", "0",
      RAW_EVENTS, NULL },
    { SUBJECT_EVENTS, OF_STAGE | CAMPAIGN | COUNTRY, "campaign_country", "campaign_place", NULL,
      "events", "0", RAW_EVENTS, NULL },
    { SUBJECT_EVENTS, OF_EVENT | CAMPAIGN | COUNTRY, "campaign_country", NULL, NULL, "events", "0",
      RAW_EVENTS, NULL },
    { SUBJECT_REVENUE, BIT(DIMENSION_SOURCE), NULL, NULL, "revenue_totals", "transactions",
      "amount", RAW_REVENUE, NULL },
    { SUBJECT_REVENUE, BIT(DIMENSION_SOURCE) | CAMPAIGN, "campaign_revenue", NULL, NULL, "events",
      "amount", RAW_REVENUE, RAW_REVENUE_OF_CAMPAIGN },
    { SUBJECT_REVENUE, OF_EVENT | CAMPAIGN | COUNTRY | DEVICE, "revenue", NULL, NULL, "events",
      "amount", RAW_REVENUE_FACTS, NULL },
};

static const char *const columns[DIMENSION_COUNT] = {
    [DIMENSION_SOURCE] = "source",   [DIMENSION_STAGE] = "funnel_stage",
    [DIMENSION_TYPE] = "event_type", [DIMENSION_CAMPAIGN] = "campaign_id",
    [DIMENSION_COUNTRY] = "country", [DIMENSION_DEVICE] = "device",
};

static unsigned wanted_dimensions(const struct report_facts *facts)
{
    const struct report_filter *f = facts->filter;
    unsigned wanted = f->campaign_id.ptr ? CAMPAIGN : 0;

    if (facts->subject == SUBJECT_EVENTS && f->stage >= 0)
        wanted |= BIT(DIMENSION_STAGE);
    if (facts->subject == SUBJECT_EVENTS && f->type >= 0)
        wanted |= BIT(DIMENSION_TYPE);
    for (int i = 0; i < facts->dimension_count; i++)
        wanted |= BIT(facts->dimensions[i]);
    return wanted;
}

/* There is one for every two dimensions and any filters. */
const struct report_rollup *report_rollup_choose(const struct report_facts *facts)
{
    unsigned wanted = wanted_dimensions(facts);

    for (size_t i = 0; i < ARRAY_SIZE(rollups); i++)
        if (rollups[i].subject == facts->subject && !(wanted & ~rollups[i].dimensions))
            return &rollups[i];
    return NULL;
}

static void add_columns(struct strbuf *sql, const struct report_facts *facts, const char *alias)
{
    for (int i = 0; i < facts->dimension_count; i++)
        (void)strbuf_addf(sql, ", %s.%s", alias, columns[facts->dimensions[i]]);
}

static void add_filters(struct strbuf *sql, const struct report_facts *facts, const char *alias)
{
    (void)strbuf_addf(sql, " AND ($5::text IS NULL OR %s.source = $5)", alias);
    if (facts->subject == SUBJECT_EVENTS)
        (void)strbuf_addf(sql,
                          " AND ($6::text IS NULL OR %s.funnel_stage = $6)"
                          " AND ($7::text IS NULL OR %s.event_type = $7)",
                          alias, alias);
    else
        (void)strbuf_addf(sql, " AND %s.currency = $6::text", alias);
    if (facts->filter->campaign_id.ptr)
        (void)strbuf_addf(
            sql, " AND %s.campaign_id IN ($7, CASE $7 WHEN 'unknown' THEN '' ELSE $7 END)", alias);
    else if (facts->subject == SUBJECT_REVENUE)
        (void)strbuf_adds(sql, " AND $7::text IS NULL");
}

/* One source of rows: `from` has the facts under the alias, `where` says which of them a piece p
 * takes. */
static void add_source(struct strbuf *sql, const struct report_facts *facts,
                       const struct report_rollup *rollup, const char *alias, const char *from,
                       const char *where)
{
    bool raw = alias[0] == 'e';

    (void)strbuf_adds(sql, "SELECT p.slot");
    add_columns(sql, facts, alias);
    if (raw)
        (void)strbuf_adds(sql, ", 1::bigint AS n, ");
    else
        (void)strbuf_addf(sql, ", %s.%s AS n, ", alias, rollup->count);
    if (facts->subject == SUBJECT_REVENUE)
        (void)strbuf_addf(sql, "%s.%s AS amount", alias, raw ? "amount" : rollup->amount);
    else
        (void)strbuf_adds(sql, "0 AS amount");
    (void)strbuf_addf(sql, " FROM pieces p JOIN %s ON %s", from, where);
    add_filters(sql, facts, alias);
}

/* A campaign is looked up bucket by bucket: between the buckets of a piece lie all other campaigns.
 * There are buckets on the days of event_counts only. */
#define GRAIN "make_interval(mins => nullif(p.grain, 0))"
#define DAYS_WITH(first_or_last)                                                                   \
    "(SELECT " first_or_last "(bucket) FROM event_counts WHERE grain = 1440)"
#define BUCKET_BY_BUCKET                                                                           \
    "LATERAL generate_series(greatest(p.lo, " DAYS_WITH("min") "), least(p.hi, " DAYS_WITH(        \
        "max") " + interval '1 day') - " GRAIN ", " GRAIN ") AS s (bucket) ON true"                \
               " JOIN cube_totals c"

/* Hours and days are tables of their own, which the planner is to know by name. */
static void add_grain(struct strbuf *sql, const struct report_facts *facts,
                      const struct report_rollup *rollup, const char *cube, enum report_grain grain)
{
    bool one = facts->filter->campaign_id.ptr;
    char where[256];

    (void)snprintf(where, sizeof(where),
                   "c.cube = '%s' AND p.grain = %d AND c.grain = %d AND %s AND c.bucket >= %s",
                   cube, grain, grain,
                   one ? "c.bucket = s.bucket" : "c.bucket >= p.lo AND c.bucket < p.hi",
                   REPORT_RETAINED_FROM);
    add_source(sql, facts, rollup, "c", one ? BUCKET_BY_BUCKET : "cube_totals c", where);
    (void)strbuf_adds(sql, " UNION ALL ");
}

static void add_cube(struct strbuf *sql, const struct report_facts *facts,
                     const struct report_rollup *rollup)
{
    char where[256];

    add_grain(sql, facts, rollup, rollup->days ? rollup->days : rollup->cube, GRAIN_DAY);
    add_grain(sql, facts, rollup, rollup->cube, GRAIN_HOUR);
    (void)snprintf(where, sizeof(where),
                   "d.cube = '%s' AND p.grain > 0 AND d.bucket >= p.lo AND d.bucket < p.hi"
                   " AND d.bucket >= " REPORT_RETAINED_FROM,
                   rollup->cube);
    add_source(sql, facts, rollup, "d", "cube_deltas d", where);
}

static void add_table(struct strbuf *sql, const struct report_facts *facts,
                      const struct report_rollup *rollup)
{
    char from[64];

    (void)snprintf(from, sizeof(from), "%s c", rollup->table);
    add_source(sql, facts, rollup, "c", from,
               REPORT_IN_PIECE " AND c.bucket >= " REPORT_RETAINED_FROM);
}

static void add_raw(struct strbuf *sql, const struct report_facts *facts,
                    const struct report_rollup *rollup)
{
    const char *from = rollup->raw_of_campaign && facts->filter->campaign_id.ptr
                           ? rollup->raw_of_campaign
                           : rollup->raw;

    add_source(sql, facts, rollup, "e", from,
               "p.grain = 0 AND e.timestamp >= p.lo AND e.timestamp < p.hi"
               " AND e.timestamp >= " REPORT_RETAINED_FROM);
}

static void add_keys(struct strbuf *sql, const struct report_facts *facts, bool named)
{
    for (int i = 0; i < facts->dimension_count; i++) {
        const char *column = columns[facts->dimensions[i]];

        if (named && facts->dimensions[i] >= DIMENSION_CAMPAIGN)
            (void)strbuf_addf(sql, ", coalesce(nullif(%s, ''), 'unknown') AS key%d", column, i);
        else if (named)
            (void)strbuf_addf(sql, ", %s AS key%d", column, i);
        else
            (void)strbuf_addf(sql, ", key%d", i);
    }
}

void report_facts_write_sql(struct strbuf *sql, const struct report_facts *facts,
                            const struct report_rollup *rollup)
{
    (void)strbuf_adds(sql, "WITH pieces AS (SELECT * FROM unnest($1::int[], $2::timestamptz[],"
                           " $3::timestamptz[], $4::int[]) AS p (grain, lo, hi, slot)),"
                           " facts AS (");
    if (rollup->cube)
        add_cube(sql, facts, rollup);
    else
        add_table(sql, facts, rollup);
    (void)strbuf_adds(sql, " UNION ALL ");
    add_raw(sql, facts, rollup);
    (void)strbuf_adds(sql, "), sums AS (SELECT slot");
    add_keys(sql, facts, true);
    (void)strbuf_adds(sql, ", sum(n)::bigint AS n, sum(amount) AS total FROM facts GROUP BY slot");
    add_keys(sql, facts, false);
    (void)strbuf_adds(sql, ") SELECT slot");
    add_keys(sql, facts, false);
    (void)strbuf_adds(sql, ", n, total::text, count(*) OVER () FROM sums ORDER BY ");
    if (facts->limit)
        (void)strbuf_adds(sql, facts->subject == SUBJECT_EVENTS ? "n DESC" : "sums.total DESC");
    else
        (void)strbuf_adds(sql, "slot");
    add_keys(sql, facts, false);
    (void)strbuf_adds(sql, " LIMIT $8::bigint");
}
