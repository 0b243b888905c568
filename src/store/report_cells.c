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

/* Adds what a unit has in the span, or asks for it to be loaded. */
static int add_unit(struct report_loader *loader, const struct report_unit *unit,
                    enum report_grain grain, struct report_span span, struct report_sums *sums)
{
    bool found;
    int r = report_cache_sum(loader->db->report_cache, unit, span, sums, &found);

    return r == 0 && !found ? report_loader_want(loader, unit, grain, span, sums) : r;
}

static int add_piece(struct report_loader *loader, const struct report_piece *piece,
                     const struct report_stamps *stamps, struct report_sums *sums)
{
    enum report_level level = level_of(piece->grain);
    const int64_t length = report_unit_usec(level);
    int64_t start = floor_to(piece->span.from_usec, length);
    int r = 0;

    for (; start < piece->span.to_usec && r == 0; start += length) {
        const struct report_stamp *stamp = stamp_of(stamps, floor_to(start, USEC_PER_DAY));
        struct report_unit unit = { loader->subject, level, start, stamp ? stamp->stamp : 0 };

        if (stamp)
            r = add_unit(loader, &unit, piece->grain, piece->span, sums);
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

static int sum_pieces(struct report_loader *loader, struct report_span span,
                      const struct report_stamps *stamps, struct report_sums *sums)
{
    struct report_pieces pieces;
    int r = 0;

    cut_to_stamps(&span, stamps);
    report_range_split(
        span, loader->subject == SUBJECT_EVENTS ? &report_grains_counts : &report_grains_cubes,
        &pieces);
    for (int i = 0; i < pieces.count && r == 0; i++)
        r = add_piece(loader, &pieces.piece[i], stamps, sums);
    return r == 0 ? report_loader_finish(loader, sums) : r;
}

int report_cells_read(struct db *db, enum report_subject subject, const struct report_view *view,
                      struct report_span span, struct report_row **ret_rows, size_t *ret_count,
                      struct strbuf *err)
{
    _cleanup_stamps_ struct report_stamps stamps = { 0 };
    _cleanup_sums_ struct report_sums sums = { 0 };
    _cleanup_(report_loader_release) struct report_loader loader;
    int r;

    report_loader_init(&loader, db, subject, err);
    if (view->has_retained)
        span.from_usec = MAX(span.from_usec, view->retained_usec);
    span.to_usec = MAX(span.from_usec, span.to_usec);
    r = get_stamps(db, subject, view, span, &stamps, err);
    if (r == 0)
        r = sum_pieces(&loader, span, &stamps, &sums);
    return r == 0 ? report_cache_rows(db->report_cache, subject, &sums, ret_rows, ret_count) : r;
}
