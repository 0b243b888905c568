/*
 * The counts of a report of events: from event_counts, and where the range begins or ends inside a
 * minute, from the events. By way of the cache of the process where there is one.
 */
#include "store/report_events_read.h"

#include <errno.h>
#include <stdlib.h>

#include "store/report_cells.h"

/* Columns of both statements. */
enum column { SOURCE, STAGE, TYPE, COUNT, EARLIEST, LATEST };

#define OF_FILTERS(source, stage, type)                                                            \
    "(" source "::text IS NULL OR source = " source ") AND (" stage                                \
    "::text IS NULL OR funnel_stage = " stage ") AND (" type                                       \
    "::text IS NULL OR event_type = " type ")"

static const char buckets_sql[] =
    "SELECT source, funnel_stage, event_type, sum(events)::bigint, min(earliest), max(latest)"
    " FROM " REPORT_PIECES " JOIN event_counts c ON " REPORT_IN_PIECE
    " WHERE c.bucket >= " REPORT_RETAINED_FROM
    " AND " OF_FILTERS("$4", "$5", "$6") " GROUP BY source, funnel_stage, event_type";

static const char raw_sql[] =
    "SELECT source, funnel_stage, event_type, count(*), min(timestamp), max(timestamp)"
    " FROM processed_events WHERE timestamp >= $1 AND timestamp < $2"
    " AND timestamp >= " REPORT_RETAINED_FROM
    " AND " OF_FILTERS("$3", "$4", "$5") " GROUP BY source, funnel_stage, event_type";

/* The retention or the view, the buckets, and at most two ends. */
struct statements {
    struct report_pieces_param pieces;
    struct pg_call calls[4];
    char times[2][2][8];
    int count;
};

static void statements_release(struct statements *s)
{
    report_pieces_param_release(&s->pieces);
    pg_calls_clear(s->calls, s->count);
}

static struct pg_call *add_call(struct statements *s, const char *sql)
{
    struct pg_call *call = &s->calls[s->count++];

    *call = (struct pg_call){ .sql = sql, .params.binary_results = true };
    return call;
}

static void add_filters(struct pg_params *p, const struct report_filter *f)
{
    pg_param_text(p, f->source < 0 ? NULL : event_source_names[f->source]);
    pg_param_text(p, f->stage < 0 ? NULL : event_stage_names[f->stage]);
    pg_param_text(p, f->type < 0 ? NULL : event_type_names[f->type]);
}

/* The ends of the range, which are in no bucket. */
static void add_ends(struct statements *s, const struct report_filter *f,
                     const struct report_pieces *pieces)
{
    int ends = 0;

    for (int i = 0; i < pieces->count; i++) {
        const struct report_piece *piece = &pieces->piece[i];
        struct pg_call *call;

        if (piece->grain != GRAIN_RAW)
            continue;
        call = add_call(s, raw_sql);
        report_param_time(&call->params, piece->span.from_usec, s->times[ends][0]);
        report_param_time(&call->params, piece->span.to_usec, s->times[ends++][1]);
        add_filters(&call->params, f);
    }
}

static int add_buckets(struct statements *s, const struct report_filter *f,
                       const struct report_pieces *pieces)
{
    struct pg_call *buckets = add_call(s, buckets_sql);
    int r;

    for (int i = 0; i < pieces->count; i++)
        if (pieces->piece[i].grain != GRAIN_RAW)
            report_pieces_param_add(&s->pieces, &pieces->piece[i]);
    r = report_pieces_param_end(&s->pieces, &buckets->params);
    add_filters(&buckets->params, f);
    return r;
}

static int add_count(struct report_counts *c, const struct span name[static REPORT_PARTS],
                     uint64_t n, struct strbuf *err)
{
    int source = event_name_find(event_source_names, SOURCE_COUNT, name[0]);
    int stage = event_name_find(event_stage_names, STAGE_COUNT, name[1]);
    int type = event_name_find(event_type_names, TYPE_COUNT, name[2]);

    if (source < 0 || stage < 0 || type < 0) {
        strbuf_setf(err, "there are events of a kind that this version does not know");
        return DB_REFUSED;
    }
    c->n[source][stage][type] += n;
    return 0;
}

static int take_rows(struct report_counts *c, const PGresult *rows, struct strbuf *err)
{
    int r = 0;

    for (int row = 0; row < PQntuples(rows) && r == 0; row++) {
        const struct span name[] = { report_text(rows, row, SOURCE), report_text(rows, row, STAGE),
                                     report_text(rows, row, TYPE) };
        int64_t usec;

        r = add_count(c, name, (uint64_t)report_i64(rows, row, COUNT), err);
        if (report_time(rows, row, EARLIEST, &usec))
            report_found_add(&c->found, usec);
        if (report_time(rows, row, LATEST, &usec))
            report_found_add(&c->found, usec);
    }
    return r;
}

static int take_all(struct report_counts *c, const struct statements *s, int first,
                    struct strbuf *err)
{
    int r = 0;

    for (int i = first; i < s->count && r == 0; i++)
        r = take_rows(c, s->calls[i].result, err);
    return r;
}

static int count_without_cache(struct db *db, const struct report_filter *f,
                               const struct report_pieces *pieces, struct report_counts *ret,
                               struct strbuf *err)
{
    _cleanup_(statements_release) struct statements s = { .count = 0 };
    int r;

    report_pieces_param_init(&s.pieces);
    (void)add_call(&s, report_retention_sql);
    r = add_buckets(&s, f, pieces);
    add_ends(&s, f, pieces);
    if (r == 0)
        r = pg_call_all(db, s.calls, s.count, err);
    if (r != 0)
        return r;
    report_found_retention(&ret->found, s.calls[0].result);
    return take_all(ret, &s, 1, err);
}

/* Of all kinds of events, those that the filter keeps. */
static int take_cells(struct report_counts *c, const struct report_filter *f,
                      const struct report_row *rows, size_t count, struct strbuf *err)
{
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++)
        if (report_cells_kept(CONTENT_EVENTS, &rows[i], f))
            r = add_count(c, rows[i].part, rows[i].count, err);
    return r;
}

/* What is in buckets; nothing, when the range has no whole one. */
static struct report_span without_ends(const struct report_pieces *pieces)
{
    struct report_span span = { 0, 0 };

    for (int i = 0; i < pieces->count; i++) {
        const struct report_piece *piece = &pieces->piece[i];

        if (piece->grain == GRAIN_RAW)
            continue;
        if (span.to_usec == span.from_usec)
            span = piece->span;
        span.to_usec = piece->span.to_usec;
    }
    return span;
}

static int count_cached(struct db *db, const struct report_filter *f,
                        const struct report_pieces *pieces, struct report_counts *ret,
                        struct strbuf *err)
{
    _cleanup_(statements_release) struct statements s = { .count = 0 };
    _cleanup_free_ struct report_row *rows = NULL;
    struct report_view view;
    size_t count;
    int r;

    report_pieces_param_init(&s.pieces);
    (void)add_call(&s, report_view_sql);
    add_ends(&s, f, pieces);
    r = pg_call_all(db, s.calls, s.count, err);
    if (r != 0)
        return r;
    report_view_take(&view, s.calls[0].result);
    ret->found.has_retained = view.has_retained;
    ret->found.retained_usec = view.retained_usec;
    r = report_cells_read(db, CONTENT_EVENTS, &view, without_ends(pieces), &rows, &count, err);
    if (r == 0)
        r = take_cells(ret, f, rows, count, err);
    return r == 0 ? take_all(ret, &s, 1, err) : r;
}

/* When the first and the last event were, only the buckets themselves tell. */
int report_events_count(struct db *db, const struct report_filter *f, struct report_counts *ret,
                        struct strbuf *err)
{
    struct report_pieces pieces;
    int r = -ENOBUFS;

    report_range_split(report_span_of(f), &report_grains_counts, &pieces);
    *ret = (struct report_counts){ .found.any = false };
    if (f->has_from && f->has_to && report_cells_usable(db))
        r = count_cached(db, f, &pieces, ret, err);
    if (r != -ENOBUFS)
        return r;
    *ret = (struct report_counts){ .found.any = false };
    return count_without_cache(db, f, &pieces, ret, err);
}
