#include "store/report_cells.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/report_cells_load.h"
#include "store/wire.h"

/* On a standby the list of transactions in progress is not complete, so that two views may look
 * the same and are not. */
const char report_view_sql[] =
    "SELECT retained_from, epoch, CASE WHEN pg_is_in_recovery() THEN NULL"
    " ELSE pg_current_snapshot()::text END FROM retention, rollup_state";

static const char *const stamps_sql[] = {
    [SUBJECT_EVENTS] = "SELECT bucket, source, funnel_stage, event_type, events FROM event_counts"
                       " WHERE grain = 1440 AND bucket >= $1 AND bucket < $2"
                       " ORDER BY bucket, source, funnel_stage, event_type",
    [SUBJECT_REVENUE] = "SELECT bucket, source, currency, transactions, amount::text"
                        " FROM revenue_totals WHERE grain = 1440 AND bucket >= $1 AND bucket < $2"
                        " ORDER BY bucket, source, currency",
};

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). */
#define DIGEST_START UINT64_C(0xcbf29ce484222325)

static uint64_t digest(uint64_t h, struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
    return (h ^ s.len) * UINT64_C(0x100000001b3);
}

void report_view_take(struct report_view *view, const PGresult *rows)
{
    struct span snapshot = report_text(rows, 0, 2);

    *view = (struct report_view){ .epoch = (uint64_t)report_i64(rows, 0, 1) };
    view->has_retained = report_time(rows, 0, 0, &view->retained_usec);
    if (snapshot.ptr)
        view->number = digest(DIGEST_START ^ view->epoch, snapshot);
}

bool report_cells_usable(const struct db *db)
{
    return db->report_cache && db->view == PG_VIEW_OPEN;
}

static int64_t floor_to(int64_t usec, int64_t step)
{
    int64_t rest = usec % step;

    return rest < 0 ? usec - rest - step : usec - rest;
}

/* One stamp for the rows of a day, which come one behind the other. */
static int take_stamps(const PGresult *rows, uint64_t epoch, struct report_stamps *ret)
{
    int columns = PQnfields(rows), r = 0;

    for (int row = 0; row < PQntuples(rows) && r == 0;) {
        uint64_t stamp = DIGEST_START ^ epoch;
        int64_t day = 0;
        int first = row;

        (void)!report_time(rows, row, 0, &day);
        for (; row < PQntuples(rows) &&
               span_eq(report_text(rows, row, 0), report_text(rows, first, 0));
             row++)
            for (int column = 1; column < columns; column++)
                stamp = digest(stamp, report_text(rows, row, column));
        r = report_stamps_add(ret, day, stamp);
    }
    return r;
}

static int read_stamps(struct db *db, enum report_subject subject, const struct report_view *view,
                       struct report_span days, struct report_stamps *ret, struct strbuf *err)
{
    struct pg_call call = { .sql = stamps_sql[subject], .params.binary_results = true };
    struct report_stamps copy = { 0 };
    char from[8], to[8];
    int r;

    report_param_time(&call.params, days.from_usec, from);
    report_param_time(&call.params, days.to_usec, to);
    r = pg_call_all(db, &call, 1, err);
    if (r == 0)
        r = take_stamps(call.result, view->epoch, ret);
    for (size_t i = 0; i < ret->count && r == 0; i++)
        r = report_stamps_add(&copy, ret->stamp[i].day_usec, ret->stamp[i].stamp);
    pg_calls_clear(&call, 1);
    if (r == 0 && view->number)
        report_cache_put_stamps(db->report_cache, subject, view->number, days, &copy);
    else
        report_stamps_release(&copy);
    return r;
}

static int get_stamps(struct db *db, enum report_subject subject, const struct report_view *view,
                      struct report_span span, struct report_stamps *ret, struct strbuf *err)
{
    struct report_span days = {
        floor_to(span.from_usec, USEC_PER_DAY),
        floor_to(span.to_usec + USEC_PER_DAY - 1, USEC_PER_DAY),
    };
    bool found;
    int r = report_cache_stamps(db->report_cache, subject, view->number, days, ret, &found);

    return r == 0 && !found ? read_stamps(db, subject, view, days, ret, err) : r;
}

static const struct report_stamp *stamp_of(const struct report_stamps *stamps, int64_t day_usec)
{
    size_t low = 0, high = stamps->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (stamps->stamp[middle].day_usec == day_usec)
            return &stamps->stamp[middle];
        if (stamps->stamp[middle].day_usec < day_usec)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The units that hold pieces of a grain: a whole day, or one in parts, or an hour in parts. */
static enum report_level level_of(enum report_grain grain)
{
    switch (grain) {
    case GRAIN_DAY:
        return LEVEL_DAY;
    case GRAIN_QUARTER:
    case GRAIN_HOUR:
        return LEVEL_STEPS;
    default:
        return LEVEL_HOUR;
    }
}

/* What is read: units by way of the cache, into sums. */
struct reading {
    struct report_loader loader;
    struct report_stamps stamps;
    struct report_sums sums;
    struct report_unit last[LEVEL_COUNT]; /* that were asked for */
};

static void reading_release(struct reading *r)
{
    report_loader_release(&r->loader);
    report_stamps_release(&r->stamps);
    report_sums_release(&r->sums);
}

static int reading_start(struct reading *reading, struct db *db, enum report_content content,
                         const struct report_view *view, struct report_span span,
                         struct strbuf *err)
{
    *reading = (struct reading){ .stamps.count = 0 };
    report_loader_init(&reading->loader, db, content, err);
    return get_stamps(db, report_content_subject(content), view, span, &reading->stamps, err);
}

typedef int (*unit_fn)(struct reading *reading, const struct report_unit *unit,
                       const struct report_piece *piece);

/* Adds what a unit has in the piece, or asks for it to be loaded. */
static int add_unit(struct reading *reading, const struct report_unit *unit,
                    const struct report_piece *piece)
{
    struct report_loader *loader = &reading->loader;
    bool found;
    int r = report_cache_sum(loader->db->report_cache, unit, piece->span, &reading->sums, &found);

    return r == 0 && !found
               ? report_loader_want(loader, unit, piece->grain, piece->span, &reading->sums)
               : r;
}

/* Sees to it that the cache has it. */
static int want_unit(struct reading *reading, const struct report_unit *unit,
                     const struct report_piece *piece)
{
    struct report_unit *last = &reading->last[unit->level];

    if (last->stamp == unit->stamp && last->start_usec == unit->start_usec)
        return 0;
    *last = *unit;
    if (report_cache_has(reading->loader.db->report_cache, unit))
        return 0;
    return report_loader_want(&reading->loader, unit, piece->grain, piece->span, NULL);
}

/* Adds what the cache has, which others may have needed the room of. */
static int sum_unit(struct reading *reading, const struct report_unit *unit,
                    const struct report_piece *piece)
{
    bool found;
    int r = report_cache_sum(reading->loader.db->report_cache, unit, piece->span, &reading->sums,
                             &found);

    return r == 0 && !found ? -ENOBUFS : r;
}

static int each_unit_of_piece(struct reading *reading, const struct report_piece *piece, unit_fn fn)
{
    const enum report_level level = level_of(piece->grain);
    const int64_t length = report_unit_usec(level);
    int64_t start = floor_to(piece->span.from_usec, length);
    int r = 0;

    for (; start < piece->span.to_usec && r == 0; start += length) {
        const struct report_stamp *s = stamp_of(&reading->stamps, floor_to(start, USEC_PER_DAY));
        struct report_unit unit = { reading->loader.content, level, start, s ? s->stamp : 0 };

        if (s)
            r = fn(reading, &unit, piece);
    }
    return r;
}

/* An open range has no end that is worth going to. */
static void cut_to_stamps(struct report_span *span, const struct report_stamps *stamps)
{
    if (stamps->count) {
        span->from_usec = MAX(span->from_usec, stamps->stamp[0].day_usec);
        span->to_usec =
            MIN(span->to_usec, stamps->stamp[stamps->count - 1].day_usec + USEC_PER_DAY);
    }
    if (!stamps->count || span->from_usec > span->to_usec)
        span->to_usec = span->from_usec;
}

static int each_unit(struct reading *reading, struct report_span span, unit_fn fn)
{
    struct report_pieces pieces;
    int r = 0;

    cut_to_stamps(&span, &reading->stamps);
    report_range_split(span, report_content_grains(reading->loader.content), &pieces);
    for (int i = 0; i < pieces.count && r == 0; i++)
        r = each_unit_of_piece(reading, &pieces.piece[i], fn);
    return r;
}

/* From when on there is anything. */
static struct report_span retained_part(struct report_span span, const struct report_view *view)
{
    if (view->has_retained)
        span.from_usec = MAX(span.from_usec, view->retained_usec);
    span.to_usec = MAX(span.from_usec, span.to_usec);
    return span;
}

int report_cells_read(struct db *db, enum report_content content, const struct report_view *view,
                      struct report_span span, struct report_row **ret_rows, size_t *ret_count,
                      struct strbuf *err)
{
    _cleanup_(reading_release) struct reading reading;
    int r;

    span = retained_part(span, view);
    r = reading_start(&reading, db, content, view, span, err);
    if (r == 0)
        r = each_unit(&reading, span, add_unit);
    if (r == 0)
        r = report_loader_finish(&reading.loader, &reading.sums);
    if (r != 0)
        return r;
    return report_cache_rows(db->report_cache, content, &reading.sums, ret_rows, ret_count);
}

static bool is_name(struct span part, const char *const *names, int wanted)
{
    return wanted < 0 || span_eq(part, span_str(names[wanted]));
}

bool report_cells_kept(enum report_content content, const struct report_row *row,
                       const struct report_filter *f)
{
    if (!is_name(row->part[0], event_source_names, f->source))
        return false;
    switch (content) {
    case CONTENT_EVENTS:
        return is_name(row->part[1], event_stage_names, f->stage) &&
               is_name(row->part[2], event_type_names, f->type);
    case CONTENT_CAMPAIGNS:
        return !f->campaign_id.ptr || span_eq(row->part[1], f->campaign_id);
    default:
        return true;
    }
}

static int take_span(struct reading *reading, int number, report_cells_fn take, void *ctx)
{
    _cleanup_free_ struct report_row *rows = NULL;
    size_t count;
    int r = report_cache_rows(reading->loader.db->report_cache, reading->loader.content,
                              &reading->sums, &rows, &count);

    report_sums_clear(&reading->sums);
    return r == 0 ? take(ctx, number, rows, count) : r;
}

int report_cells_each(struct db *db, enum report_content content, const struct report_view *view,
                      const struct report_span *spans, int count, report_cells_fn take, void *ctx,
                      struct strbuf *err)
{
    const struct report_span none = { 0, 0 };
    const struct report_span all =
        count ? (struct report_span){ spans[0].from_usec, spans[count - 1].to_usec } : none;
    _cleanup_(reading_release) struct reading reading;
    int r = reading_start(&reading, db, content, view, retained_part(all, view), err);

    for (int i = 0; i < count && r == 0; i++)
        r = each_unit(&reading, retained_part(spans[i], view), want_unit);
    if (r == 0)
        r = report_loader_finish(&reading.loader, NULL);
    for (int i = 0; i < count && r == 0; i++) {
        r = each_unit(&reading, retained_part(spans[i], view), sum_unit);
        if (r == 0)
            r = take_span(&reading, i, take, ctx);
    }
    return r;
}
