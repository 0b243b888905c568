/*
 * The sums of a revenue report: from the cube of campaigns, and where the range begins or ends
 * inside an hour, from the transactions. By way of the cache of the process where there is one.
 */
#include "store/report_revenue_read.h"

#include <errno.h>
#include <stdlib.h>

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

#define OF_CUBE(minutes)                                                                           \
    "SELECT " CUBE_COLUMNS("c") " FROM pieces p JOIN " REPORT_CUBE_PIECE(                          \
        "campaign_revenue", minutes) " WHERE " OF_SOURCE("c")

static const char sums_sql[] = PIECES OF_CUBE("1440") " UNION ALL " OF_CUBE("60")            //
    " UNION ALL SELECT " CUBE_COLUMNS("d") " FROM pieces p JOIN cube_deltas d ON " IN_DELTAS //
                                           " WHERE " IN_CUBE("d") " AND " OF_SOURCE("d")     //
    " UNION ALL SELECT " RAW_COLUMNS " FROM pieces p JOIN revenue_transactions t ON " IN_RAW //
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
    struct pg_call calls[3]; /* the retention or the view, then what there is to ask */
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

/* Asked for only where the range has no bound of its own. */
static bool wants_extent(const struct report_filter *f)
{
    return !f->has_from || !f->has_to;
}

static void take_extent(struct report_found *found, const PGresult *rows)
{
    int64_t usec;

    for (int column = 0; column < 2; column++)
        if (report_time(rows, 0, column, &usec))
            report_found_add(found, usec);
}

static int take_sums(struct report_revenue *v, const PGresult *rows)
{
    v->rows = calloc((size_t)PQntuples(rows) + 1, sizeof(*v->rows));
    if (!v->rows)
        return -ENOMEM;
    v->count = (size_t)PQntuples(rows);
    for (int row = 0; row < PQntuples(rows); row++) {
        struct report_row *r = &v->rows[row];

        for (int i = 0; i < REPORT_PARTS; i++)
            r->part[i] = report_text(rows, row, SOURCE + i);
        r->count = (uint64_t)report_i64(rows, row, COUNT);
        (void)!report_money_parse(report_text(rows, row, AMOUNT), &r->cents);
    }
    return 0;
}

static int read_without_cache(struct db *db, const struct report_filter *f, struct statements *s,
                              struct report_revenue *v, struct strbuf *err)
{
    int r = 0;

    (void)add_call(s, report_retention_sql);
    r = add_sums(s, f);
    if (r == 0 && wants_extent(f))
        r = add_extent(s, f);
    if (r == 0)
        r = pg_call_all(db, s->calls, s->count, err);
    if (r != 0)
        return r;
    report_found_retention(&v->found, s->calls[0].result);
    if (wants_extent(f))
        take_extent(&v->found, s->calls[2].result);
    v->result = TAKE_PTR(s->calls[1].result);
    return take_sums(v, v->result);
}

/* The cells are those of all transactions. */
static void filter_rows(struct report_revenue *v, const struct report_filter *f)
{
    size_t kept = 0;

    for (size_t i = 0; i < v->count; i++)
        if (report_cells_kept(CONTENT_CAMPAIGNS, &v->rows[i], f))
            v->rows[kept++] = v->rows[i];
    v->count = kept;
}

static int read_cached(struct db *db, const struct report_filter *f, struct statements *s,
                       struct report_revenue *v, struct strbuf *err)
{
    struct report_view view;
    int r = 0;

    (void)add_call(s, report_view_sql);
    if (wants_extent(f))
        r = add_extent(s, f);
    if (r == 0)
        r = pg_call_all(db, s->calls, s->count, err);
    if (r != 0)
        return r;
    report_view_take(&view, s->calls[0].result);
    v->found.has_retained = view.has_retained;
    v->found.retained_usec = view.retained_usec;
    if (wants_extent(f))
        take_extent(&v->found, s->calls[1].result);
    r = report_cells_read(db, CONTENT_CAMPAIGNS, &view, report_span_of(f), &v->rows, &v->count,
                          err);
    if (r == 0)
        filter_rows(v, f);
    return r;
}

static int read_with(int (*read)(struct db *, const struct report_filter *, struct statements *,
                                 struct report_revenue *, struct strbuf *),
                     struct db *db, const struct report_filter *f, struct report_revenue *v,
                     struct strbuf *err)
{
    _cleanup_(statements_release) struct statements s;
    int r;

    statements_init(&s);
    *v = (struct report_revenue){ .count = 0 };
    r = strbuf_addspan(&s.campaign, f->campaign_id);
    return r == 0 ? read(db, f, &s, v, err) : r;
}

int report_revenue_read(struct db *db, const struct report_filter *f, struct report_revenue *ret,
                        struct strbuf *err)
{
    int r = -ENOBUFS;

    if (report_cells_usable(db))
        r = read_with(read_cached, db, f, ret, err);
    return r == -ENOBUFS ? read_with(read_without_cache, db, f, ret, err) : r;
}

void report_revenue_release(struct report_revenue *v)
{
    free(v->rows);
    PQclear(v->result);
}
