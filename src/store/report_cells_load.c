#include "store/report_cells_load.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

#define PIECES                                                                                     \
    "WITH pieces AS (SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[],"        \
    " $4::int[]) AS p (grain, lo, hi, slot)) "
#define REVENUE_OF(alias, time)                                                                    \
    "SELECT p.slot, " time ", " alias ".source, coalesce(nullif(" alias ".campaign_id, ''),"       \
    " 'unknown'), " alias ".currency, "

#define OF_CUBE(minutes)                                                                           \
    REVENUE_OF("c", "c.bucket")                                                                    \
    "c.events, c.amount::text FROM pieces p JOIN " REPORT_CUBE_PIECE("campaign_revenue", minutes)

/* What deltas add to a day stands at its hours. */
static const char *const load_sql[CONTENT_COUNT] = {
    [CONTENT_EVENTS] =
        PIECES "SELECT p.slot, c.bucket, c.source, c.funnel_stage, c.event_type,"
               " c.events, '0' FROM pieces p JOIN event_counts c ON " REPORT_IN_PIECE,
    [CONTENT_REVENUE] =
        PIECES "SELECT p.slot, c.bucket, c.source, '', c.currency, c.transactions, c.amount::text"
               " FROM pieces p JOIN revenue_totals c ON " REPORT_IN_PIECE,
    [CONTENT_CAMPAIGNS] = PIECES OF_CUBE("1440") " UNION ALL " OF_CUBE("60") " UNION ALL " //
    REVENUE_OF("d", "d.bucket") "d.events, d.amount::text FROM pieces p JOIN cube_deltas d"
                                " ON d.cube = 'campaign_revenue' AND p.grain > 0"
                                " AND d.bucket >= p.lo AND d.bucket < p.hi UNION ALL " //
    REVENUE_OF("t", "t.timestamp") "1::bigint, t.amount::text FROM pieces p"
                                   " JOIN revenue_transactions t ON p.grain = 0"
                                   " AND t.timestamp >= p.lo AND t.timestamp < p.hi",
};

enum column { SLOT, AT, FIRST_PART, COUNT = FIRST_PART + REPORT_PARTS, AMOUNT };

void report_loader_init(struct report_loader *l, struct db *db, enum report_content content,
                        struct strbuf *err)
{
    l->db = db;
    l->content = content;
    l->err = err;
    l->count = 0;
    report_pieces_param_init(&l->pieces);
    pg_array_init(&l->slots);
    pg_array_start(&l->slots, PG_INT4);
}

static void forget_loads(struct report_loader *l)
{
    for (int i = 0; i < l->count; i++)
        free(l->loads[i].cells);
    l->count = 0;
    report_pieces_param_start(&l->pieces);
    pg_array_start(&l->slots, PG_INT4);
}

void report_loader_release(struct report_loader *l)
{
    forget_loads(l);
    report_pieces_param_release(&l->pieces);
    pg_array_release(&l->slots);
}

static int add_cell(struct report_load *load, const struct report_cell *cell)
{
    if (load->count == load->size) {
        size_t size = MAX(load->size * 2, (size_t)256);
        struct report_cell *cells = realloc(load->cells, size * sizeof(*cells));

        if (!cells)
            return -ENOMEM;
        load->cells = cells;
        load->size = size;
    }
    load->cells[load->count++] = *cell;
    return 0;
}

/* A cell of more than that is for the database to add up. */
static int take_amount(struct span text, int64_t *ret)
{
    report_money cents = 0;

    (void)!report_money_parse(text, &cents);
    if (cents < INT64_MIN || cents > INT64_MAX)
        return -ENOBUFS;
    *ret = (int64_t)cents;
    return 0;
}

static int take_row(struct report_loader *l, const PGresult *rows, int row)
{
    struct report_cell cell = { .count = (uint32_t)report_i64(rows, row, COUNT) };
    int slot = report_i32(rows, row, SLOT);
    struct span parts[REPORT_PARTS];
    int64_t usec = 0, cents;
    uint32_t name;

    if (slot < 0 || slot >= l->count)
        return -EPROTO;
    for (int i = 0; i < REPORT_PARTS; i++)
        parts[i] = report_text(rows, row, FIRST_PART + i);
    (void)!report_time(rows, row, AT, &usec);
    if (take_amount(report_text(rows, row, AMOUNT), &cents) < 0 ||
        report_cache_name(l->db->report_cache, l->content, parts, &name) < 0)
        return -ENOBUFS;
    cell.at = report_cell_at(&l->loads[slot].unit, usec);
    cell.name = name;
    cell.cents = cents;
    return add_cell(&l->loads[slot], &cell);
}

static int by_time(const void *a, const void *b)
{
    const struct report_cell *ca = a, *cb = b;

    return (ca->at > cb->at) - (ca->at < cb->at);
}

/* The cells of a unit are whole, also where the report is about a part of it only. */
static int keep(struct report_loader *l, struct report_load *load, struct report_sums *sums)
{
    int r;

    if (load->count)
        qsort(load->cells, load->count, sizeof(*load->cells), by_time);
    r = sums ? report_sums_add(sums, &load->unit, load->cells, load->count, load->span) : 0;
    if (r == 0)
        report_cache_put(l->db->report_cache, &load->unit, load->cells, load->count);
    else
        free(load->cells);
    load->cells = NULL;
    return r;
}

static int take_rows(struct report_loader *l, const PGresult *rows, struct report_sums *sums)
{
    int r = 0;

    for (int row = 0; row < PQntuples(rows) && r == 0; row++)
        r = take_row(l, rows, row);
    for (int i = 0; i < l->count && r == 0; i++)
        r = keep(l, &l->loads[i], sums);
    return r;
}

int report_loader_finish(struct report_loader *l, struct report_sums *sums)
{
    struct pg_call call = { .sql = load_sql[l->content], .params.binary_results = true };
    int r;

    if (l->count == 0)
        return 0;
    r = report_pieces_param_end(&l->pieces, &call.params);
    if (r == 0)
        r = pg_array_param(&l->slots, &call.params);
    if (r == 0)
        r = pg_call_all(l->db, &call, 1, l->err);
    if (r == 0)
        r = take_rows(l, call.result, sums);
    pg_calls_clear(&call, 1);
    forget_loads(l);
    return r;
}

int report_loader_want(struct report_loader *l, const struct report_unit *unit,
                       enum report_grain grain, struct report_span span, struct report_sums *sums)
{
    const struct report_piece whole = {
        grain,
        { unit->start_usec, unit->start_usec + report_unit_usec(unit->level) },
    };

    report_pieces_param_add(&l->pieces, &whole);
    pg_array_i32(&l->slots, l->count);
    l->loads[l->count++] = (struct report_load){ .unit = *unit, .span = span };
    return l->count == REPORT_LOADS_MAX ? report_loader_finish(l, sums) : 0;
}
