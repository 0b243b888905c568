/*
 * Revenue in one currency, by source and campaign, and the sum of each currency: from the cube of
 * campaigns, and where the range begins or ends inside an hour, from the transactions. Sums are
 * numeric in the database and whole hundredths here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/report_change.h"
#include "store/report_groups.h"
#include "store/report_query.h"

/* Of the statements of sums: $4 the source, $5 the campaign. */
#define PIECES "WITH pieces AS (SELECT * FROM " REPORT_PIECES "), facts AS ("
#define OF_SOURCE(alias) "($4::text IS NULL OR " alias ".source = $4)"
#define IN_CUBE(alias)                                                                             \
    alias ".cube = 'campaign_revenue' AND " alias ".bucket >= " REPORT_RETAINED_FROM
#define CUBE_COLUMNS(alias)                                                                        \
    alias ".source, " alias ".campaign_id, " alias ".currency, " alias ".events AS n, " alias      \
          ".amount"
#define IN_DELTAS "p.grain > 0 AND d.bucket >= p.lo AND d.bucket < p.hi"
#define RAW_COLUMNS "t.source, t.campaign_id, t.currency, 1::bigint, t.amount"
#define IN_RAW                                                                                     \
    "p.grain = 0 AND t.timestamp >= p.lo AND t.timestamp < p.hi AND t.timestamp >= "               \
    "" REPORT_RETAINED_FROM
#define SUMS                                                                                       \
    ") SELECT source, coalesce(nullif(campaign_id, ''), 'unknown') AS campaign, currency,"         \
    " sum(n)::bigint, sum(amount)::text FROM facts GROUP BY source, campaign, currency"            \
    " ORDER BY campaign, source, currency"

enum column { SOURCE, CAMPAIGN, CURRENCY, COUNT, AMOUNT };

static const char sums_sql[] =
    PIECES "SELECT " CUBE_COLUMNS("c") " FROM pieces p JOIN cube_totals c ON " REPORT_IN_PIECE //
                                       " WHERE " IN_CUBE("c") " AND " OF_SOURCE("c")           //
    " UNION ALL SELECT " CUBE_COLUMNS("d") " FROM pieces p JOIN cube_deltas d ON " IN_DELTAS   //
                                           " WHERE " IN_CUBE("d") " AND " OF_SOURCE("d")       //
    " UNION ALL SELECT " RAW_COLUMNS " FROM pieces p JOIN revenue_transactions t ON " IN_RAW   //
    " WHERE " OF_SOURCE("t") SUMS;

/* A campaign is looked up bucket by bucket: between the buckets of a span lie all other campaigns.
 * Those that there can be end with the days of event_counts. */
#define ONE_CAMPAIGN(alias) alias ".campaign_id IN ($5, CASE $5 WHEN 'unknown' THEN '' ELSE $5 END)"
#define GRAIN "make_interval(mins => nullif(p.grain, 0))"
#define DAYS_WITH(first_or_last)                                                                   \
    "(SELECT " first_or_last "(bucket) FROM event_counts WHERE grain = 1440)"

static const char campaign_sql[] = PIECES
    "SELECT " CUBE_COLUMNS("c") " FROM pieces p CROSS JOIN LATERAL generate_series("
                                "greatest(p.lo, " DAYS_WITH("min") "), least(p.hi, " DAYS_WITH(
                                    "max") " + interval '1 day') - " GRAIN ", " GRAIN
                                           ") AS s (bucket)"
                                           " JOIN cube_totals c ON c.grain = p.grain AND c.bucket "
                                           "= s.bucket AND " ONE_CAMPAIGN("c")               //
    " WHERE " IN_CUBE("c") " AND " OF_SOURCE("c")                                            //
    " UNION ALL SELECT " CUBE_COLUMNS("d") " FROM pieces p JOIN cube_deltas d ON " IN_DELTAS //
                                           " WHERE " IN_CUBE("d") " AND " ONE_CAMPAIGN(
                                               "d") " AND " OF_SOURCE("d")                   //
    " UNION ALL SELECT " RAW_COLUMNS " FROM pieces p JOIN revenue_transactions t ON " IN_RAW //
    " WHERE t.campaign_id = $5 AND " OF_SOURCE("t")                                          //
    " UNION ALL SELECT " RAW_COLUMNS " FROM pieces p JOIN revenue_transactions t ON " IN_RAW //
    " WHERE $5 = 'unknown' AND t.campaign_id IS NULL AND " OF_SOURCE("t") SUMS;

/* When the first and the last transaction were; $1 to $3 are pieces of totals here. */
static const char extent_sql[] =
    "WITH pieces AS (SELECT * FROM " REPORT_PIECES ")"
    " SELECT min(earliest), max(latest) FROM (SELECT c.earliest, c.latest FROM pieces p"
    " JOIN revenue_totals c ON " REPORT_IN_PIECE " AND c.bucket >= " REPORT_RETAINED_FROM
    " WHERE " OF_SOURCE("c") " UNION ALL SELECT t.timestamp, t.timestamp FROM pieces p"
                             " JOIN revenue_transactions t ON " IN_RAW
                             " WHERE " OF_SOURCE("t") ") found";

/* $1 and $2 the range, $3 the campaign, $4 the source. */
#define EDGE(of_campaign, direction)                                                               \
    "(SELECT timestamp FROM revenue_transactions t WHERE timestamp >= $1 AND timestamp < $2"       \
    " AND timestamp >= " REPORT_RETAINED_FROM " AND " of_campaign                                  \
    " AND " OF_SOURCE("t") " ORDER BY timestamp " direction " LIMIT 1)"
#define NAMED "t.campaign_id = $3::text"
#define NAMELESS "$3 = 'unknown' AND t.campaign_id IS NULL"

static const char campaign_extent_sql[] = "SELECT least(" EDGE(NAMED, "ASC") ", " EDGE(
    NAMELESS, "ASC") "),"
                     " greatest(" EDGE(NAMED, "DESC") ", " EDGE(NAMELESS, "DESC") ")";

struct statements {
    struct report_pieces_param cubes, totals;
    struct strbuf campaign;
    struct pg_call calls[3];
    char times[2][8];
    int count;
};

static void statements_init(struct statements *s)
{
    report_pieces_param_init(&s->cubes);
    report_pieces_param_init(&s->totals);
    strbuf_init(&s->campaign, EVENT_TEXT_MAX + 1);
    s->count = 0;
}

static void statements_release(struct statements *s)
{
    report_pieces_param_release(&s->cubes);
    report_pieces_param_release(&s->totals);
    strbuf_release(&s->campaign);
    pg_calls_clear(s->calls, s->count);
}

static struct pg_params *add_call(struct statements *s, const char *sql)
{
    struct pg_call *call = &s->calls[s->count++];

    *call = (struct pg_call){ .sql = sql, .params.binary_results = true };
    return &call->params;
}

static int add_pieces(struct report_pieces_param *a, const struct report_filter *f,
                      const struct report_grains *grains, struct pg_params *p)
{
    struct report_pieces pieces;

    report_range_split(report_span_of(f), grains, &pieces);
    for (int i = 0; i < pieces.count; i++)
        report_pieces_param_add(a, &pieces.piece[i]);
    return report_pieces_param_end(a, p);
}

static const char *source_of(const struct report_filter *f)
{
    return f->source < 0 ? NULL : event_source_names[f->source];
}

static int add_sums(struct statements *s, const struct report_filter *f)
{
    struct pg_params *p = add_call(s, f->campaign_id.ptr ? campaign_sql : sums_sql);
    int r = add_pieces(&s->cubes, f, &report_grains_cubes, p);

    pg_param_text(p, source_of(f));
    if (f->campaign_id.ptr)
        pg_param_text(p, s->campaign.ptr);
    return r;
}

static int add_extent(struct statements *s, const struct report_filter *f)
{
    struct pg_params *p = add_call(s, f->campaign_id.ptr ? campaign_extent_sql : extent_sql);
    struct report_span span = report_span_of(f);
    int r = 0;

    if (f->campaign_id.ptr) {
        report_param_time(p, span.from_usec, s->times[0]);
        report_param_time(p, span.to_usec, s->times[1]);
        pg_param_text(p, s->campaign.ptr);
    } else {
        r = add_pieces(&s->totals, f, &report_grains_counts, p);
    }
    pg_param_text(p, source_of(f));
    return r;
}

struct revenue {
    struct statements statements;
    PGresult *rows;
    struct report_found found;
    report_money total;
    uint64_t transactions; /* of all currencies */
};

static void revenue_release(struct revenue *v)
{
    statements_release(&v->statements);
}

/* What was found is asked for only where the range has no bound of its own. */
static int ask(struct db *db, struct revenue *v, const struct report_filter *f, struct strbuf *err)
{
    struct statements *s = &v->statements;
    bool open = !f->has_from || !f->has_to;
    int64_t usec;
    int r = strbuf_addspan(&s->campaign, f->campaign_id);

    (void)add_call(s, report_retention_sql);
    if (r == 0)
        r = add_sums(s, f);
    if (r == 0 && open)
        r = add_extent(s, f);
    if (r == 0)
        r = pg_call_all(db, s->calls, s->count, err);
    if (r != 0)
        return r;
    v->rows = s->calls[1].result;
    report_found_retention(&v->found, s->calls[0].result);
    for (int column = 0; open && column < 2; column++)
        if (report_time(s->calls[2].result, 0, column, &usec))
            report_found_add(&v->found, usec);
    return 0;
}

static report_money amount(const PGresult *rows, int row)
{
    report_money cents = 0;

    (void)!report_money_parse(report_text(rows, row, AMOUNT), &cents);
    return cents;
}

static bool in_currency(const PGresult *rows, int row, const char *currency)
{
    return span_eq(report_text(rows, row, CURRENCY), span_str(currency));
}

static int read_revenue(struct db *db, struct revenue *v, const struct report_filter *f,
                        struct strbuf *err)
{
    int r;

    *v = (struct revenue){ .total = 0 };
    statements_init(&v->statements);
    r = ask(db, v, f, err);
    for (int row = 0; r == 0 && row < PQntuples(v->rows); row++) {
        v->transactions += (uint64_t)report_i64(v->rows, row, COUNT);
        if (in_currency(v->rows, row, report_currency(f)))
            v->total += amount(v->rows, row);
    }
    return r;
}

/* Names with sums, for a map of few. */
struct tally {
    struct span name;
    report_money cents;
};

static int by_name(const void *a, const void *b)
{
    const struct tally *ta = a, *tb = b;

    return span_cmp(ta->name, tb->name);
}

/* "key": the sums by a column; of one currency unless that is NULL. */
static int write_map(struct json_out *j, const char *key, const PGresult *rows, enum column column,
                     const char *currency)
{
    struct tally *tally = calloc((size_t)PQntuples(rows) + 1, sizeof(*tally));
    size_t count = 0;

    if (!tally)
        return -ENOMEM;
    for (int row = 0; row < PQntuples(rows); row++)
        if (!currency || in_currency(rows, row, currency))
            tally[count++] =
                (struct tally){ report_text(rows, row, (int)column), amount(rows, row) };
    qsort(tally, count, sizeof(*tally), by_name);
    json_key(j, key);
    json_object(j);
    for (size_t i = 0; i < count;) {
        report_money sum = 0;
        struct span name = tally[i].name;

        for (; i < count && span_eq(tally[i].name, name); i++)
            sum += tally[i].cents;
        json_key_span(j, name);
        report_money_write(j, sum);
    }
    json_object_end(j);
    free(tally);
    return 0;
}

static int write_revenue(struct json_out *j, const struct report_filter *f, const struct revenue *v)
{
    const char *currency = report_currency(f);
    int r;

    json_key(j, "currency");
    json_str(j, currency);
    json_key(j, "totalRevenue");
    report_money_write(j, v->total);
    r = write_map(j, "revenueBySource", v->rows, SOURCE, currency);
    if (r == 0)
        r = write_map(j, "revenueByCampaign", v->rows, CAMPAIGN, currency);
    if (r == 0)
        r = write_map(j, "revenueByCurrency", v->rows, CURRENCY, NULL);
    json_key(j, "transactionCount");
    json_u64(j, v->transactions);
    report_write_range(j, f, &v->found);
    return r;
}

static int write_comparison(struct db *db, const struct report_filter *f, const struct revenue *now,
                            struct json_out *j, struct strbuf *err)
{
    const struct report_filter before = report_previous(f);
    _cleanup_(revenue_release) struct revenue v;
    int r = read_revenue(db, &v, &before, err);

    if (r != 0)
        return r;
    json_key(j, "previous");
    json_object(j);
    report_write_range(j, &before, &v.found);
    report_sum_write(j, SUBJECT_REVENUE, v.transactions, v.total);
    json_object_end(j);
    json_key(j, "change");
    json_object(j);
    report_change_write(j, "totalRevenue", now->total, v.total, /* money= */ true);
    report_change_write(j, "transactionCount", (report_money)now->transactions,
                        (report_money)v.transactions, /* money= */ false);
    json_object_end(j);
    return 0;
}

int report_revenue(struct db *db, const struct report_filter *f, struct strbuf *out,
                   struct strbuf *err)
{
    _cleanup_(revenue_release) struct revenue v;
    struct json_out j;
    int r = read_revenue(db, &v, f, err);

    if (r != 0)
        return r;
    json_out_init(&j, out);
    json_object(&j);
    r = write_revenue(&j, f, &v);
    if (r == 0 && f->compare)
        r = write_comparison(db, f, &v, &j, err);
    if (r == 0)
        r = report_parts_write(db, SUBJECT_REVENUE, f, &v.found, &j, err);
    if (r != 0)
        return r;
    json_object_end(&j);
    return report_done(out, err);
}
