/*
 * The statement is put together from constants: a rollup, its columns, and the same columns of the
 * events. What the request says comes as parameters:
 *   $1 to $4  pieces of the range and their slots
 *   $5        source
 *   $6, $7    stage and type; of revenue: the currency, and the campaign
 *   $8        the limit
 */
#include "store/report_facts.h"

#include "store/report_query.h"

#define SQL_MAX 8192

#define BIT(dimension) (1U << (dimension))
#define OF_EVENT (BIT(DIMENSION_SOURCE) | BIT(DIMENSION_STAGE) | BIT(DIMENSION_TYPE))
#define CAMPAIGN BIT(DIMENSION_CAMPAIGN)
#define COUNTRY BIT(DIMENSION_COUNTRY)
#define DEVICE BIT(DIMENSION_DEVICE)

struct rollup {
    enum report_subject subject;
    unsigned dimensions; /* it can be grouped and filtered by */
    const char *cube;    /* in cube_totals and cube_deltas; NULL = a table of its own */
    const char *table;
    const char *count, *amount;  /* its columns */
    const char *raw;             /* the same facts from the events, as e */
    const char *raw_of_campaign; /* of those that the filter wants; NULL = no shorter way */
};

#define RAW_EVENTS "event_facts e"
#define RAW_REVENUE                                                                                \
    "(SELECT timestamp, source, currency, amount, coalesce(campaign_id, '') AS campaign_id"        \
    " FROM revenue_transactions) e"
/* The transactions of one campaign, by the index that has them together. */
#define RAW_REVENUE_OF_CAMPAIGN                                                                    \
    "(SELECT timestamp, source, currency, amount, campaign_id FROM revenue_transactions"           \
    " WHERE campaign_id = $7 UNION ALL SELECT timestamp, source, currency, amount, ''"             \
    " FROM revenue_transactions WHERE $7 = 'unknown' AND campaign_id IS NULL) e"

/* Both sides of the join are looked up by time for each piece: OFFSET 0 keeps the planner from
 * joining all transactions with all events first. */
#define RAW_REVENUE_FACTS                                                                          \
    "LATERAL (SELECT f.*, r.currency, r.amount FROM revenue_transactions r"                        \
    " JOIN event_facts f ON f.timestamp = r.timestamp AND f.event_key = r.event_key"               \
    " WHERE r.timestamp >= p.lo AND r.timestamp < p.hi"                                            \
    " AND f.timestamp >= p.lo AND f.timestamp < p.hi OFFSET 0) e"

/* Cheapest first. */
static const struct rollup rollups[] = {
    { SUBJECT_EVENTS, OF_EVENT, NULL, "event_counts", "events", "0", RAW_EVENTS, NULL },
    { SUBJECT_EVENTS, OF_EVENT | COUNTRY | DEVICE, "country_device", NULL, "events", "0",
      RAW_EVENTS, NULL },
    { SUBJECT_EVENTS, OF_EVENT | CAMPAIGN | DEVICE, "campaign_device", NULL, "events", "0",
      RAW_EVENTS, NULL },
    { SUBJECT_EVENTS, OF_EVENT | CAMPAIGN | COUNTRY, "campaign_country", NULL, "events", "0",
      RAW_EVENTS, NULL },
    { SUBJECT_REVENUE, BIT(DIMENSION_SOURCE), NULL, "revenue_totals", "transactions", "amount",
      RAW_REVENUE, NULL },
    { SUBJECT_REVENUE, BIT(DIMENSION_SOURCE) | CAMPAIGN, "campaign_revenue", NULL, "events",
      "amount", RAW_REVENUE, RAW_REVENUE_OF_CAMPAIGN },
    { SUBJECT_REVENUE, OF_EVENT | CAMPAIGN | COUNTRY | DEVICE, "revenue", NULL, "events", "amount",
      RAW_REVENUE_FACTS, NULL },
};

static const char *const columns[DIMENSION_COUNT] = {
    [DIMENSION_SOURCE] = "source",   [DIMENSION_STAGE] = "funnel_stage",
    [DIMENSION_TYPE] = "event_type", [DIMENSION_CAMPAIGN] = "campaign_id",
    [DIMENSION_COUNTRY] = "country", [DIMENSION_DEVICE] = "device",
};

const char *report_currency(const struct report_filter *f)
{
    return f->currency[0] ? f->currency : f->default_currency;
}

static unsigned wanted_dimensions(const struct report_facts *facts)
{
    unsigned wanted = facts->filter->campaign_id.ptr ? CAMPAIGN : 0;

    for (int i = 0; i < facts->dimension_count; i++)
        wanted |= BIT(facts->dimensions[i]);
    return wanted;
}

/* There is one for every two dimensions. */
static const struct rollup *choose(const struct report_facts *facts)
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
                       const struct rollup *rollup, const char *alias, const char *from,
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

static void add_cube(struct strbuf *sql, const struct report_facts *facts,
                     const struct rollup *rollup)
{
    bool one = facts->filter->campaign_id.ptr;
    char where[256];

    (void)snprintf(where, sizeof(where), "c.cube = '%s' AND %s AND c.bucket >= %s", rollup->cube,
                   one ? "c.grain = p.grain AND c.bucket = s.bucket" : REPORT_IN_PIECE,
                   REPORT_RETAINED_FROM);
    add_source(sql, facts, rollup, "c", one ? BUCKET_BY_BUCKET : "cube_totals c", where);
    (void)snprintf(where, sizeof(where),
                   "d.cube = '%s' AND p.grain > 0 AND d.bucket >= p.lo AND d.bucket < p.hi"
                   " AND d.bucket >= " REPORT_RETAINED_FROM,
                   rollup->cube);
    (void)strbuf_adds(sql, " UNION ALL ");
    add_source(sql, facts, rollup, "d", "cube_deltas d", where);
}

static void add_table(struct strbuf *sql, const struct report_facts *facts,
                      const struct rollup *rollup)
{
    char from[64];

    (void)snprintf(from, sizeof(from), "%s c", rollup->table);
    add_source(sql, facts, rollup, "c", from,
               REPORT_IN_PIECE " AND c.bucket >= " REPORT_RETAINED_FROM);
}

static void add_raw(struct strbuf *sql, const struct report_facts *facts,
                    const struct rollup *rollup)
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

static void write_sql(struct strbuf *sql, const struct report_facts *facts,
                      const struct rollup *rollup)
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

struct parameters {
    struct pg_params pg;
    struct report_pieces_param pieces;
    struct pg_array slots;
    struct strbuf campaign;
    char limit[16];
};

static void parameters_init(struct parameters *p)
{
    p->pg = (struct pg_params){ .binary_results = true };
    report_pieces_param_init(&p->pieces);
    pg_array_init(&p->slots);
    strbuf_init(&p->campaign, EVENT_TEXT_MAX + 1);
}

static void parameters_release(struct parameters *p)
{
    report_pieces_param_release(&p->pieces);
    pg_array_release(&p->slots);
    strbuf_release(&p->campaign);
}

static int add_pieces(struct parameters *p, const struct rollup *rollup,
                      const struct report_slot *slots, int slot_count)
{
    const struct report_grains *grains =
        rollup->cube ? &report_grains_cubes : &report_grains_counts;
    int r;

    pg_array_start(&p->slots, PG_INT4);
    for (int i = 0; i < slot_count; i++) {
        struct report_pieces pieces;

        report_range_split(slots[i].span, grains, &pieces);
        for (int k = 0; k < pieces.count; k++) {
            report_pieces_param_add(&p->pieces, &pieces.piece[k]);
            pg_array_i32(&p->slots, slots[i].slot);
        }
    }
    r = report_pieces_param_end(&p->pieces, &p->pg);
    return r == 0 ? pg_array_param(&p->slots, &p->pg) : r;
}

static int add_conditions(struct parameters *p, const struct report_facts *facts)
{
    const struct report_filter *f = facts->filter;
    int r = strbuf_addspan(&p->campaign, f->campaign_id);

    if (r < 0)
        return r;
    pg_param_text(&p->pg, f->source < 0 ? NULL : event_source_names[f->source]);
    if (facts->subject == SUBJECT_EVENTS) {
        pg_param_text(&p->pg, f->stage < 0 ? NULL : event_stage_names[f->stage]);
        pg_param_text(&p->pg, f->type < 0 ? NULL : event_type_names[f->type]);
    } else {
        pg_param_text(&p->pg, report_currency(f));
        pg_param_text(&p->pg, f->campaign_id.ptr ? p->campaign.ptr : NULL);
    }
    (void)snprintf(p->limit, sizeof(p->limit), "%u", facts->limit);
    pg_param_text(&p->pg, facts->limit ? p->limit : NULL);
    return 0;
}

/* Groups read most of a cube's days, whose rows lie all over the table: page by page is faster than
 * row by row, and they are few: sums are hashed. Until the end of the transaction; without one it
 * has no effect. */
static const char scan_sql[] = "SET LOCAL work_mem = '64MB'; SET LOCAL enable_indexscan = off;"
                               "SET LOCAL enable_sort = off";

static int run(struct db *db, const struct report_facts *facts, const struct rollup *rollup,
               struct parameters *p, PGresult **ret_rows, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf sql;
    int r;

    strbuf_init(&sql, SQL_MAX);
    write_sql(&sql, facts, rollup);
    r = strbuf_error(&sql);
    if (r == 0)
        r = db_connect(db, err);
    if (r != 0)
        return r;
    if (facts->limit)
        r = pg_exec(db, scan_sql, err);
    if (r == 0)
        r = pg_query(db, sql.ptr, &p->pg, ret_rows, err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

int report_facts_sum(struct db *db, const struct report_facts *facts,
                     const struct report_slot *slots, int slot_count, PGresult **ret_rows,
                     struct strbuf *err)
{
    const struct rollup *rollup = choose(facts);
    _cleanup_(parameters_release) struct parameters p;
    int r;

    parameters_init(&p);
    r = add_pieces(&p, rollup, slots, slot_count);
    if (r == 0)
        r = add_conditions(&p, facts);
    return r == 0 ? run(db, facts, rollup, &p, ret_rows, err) : r;
}
