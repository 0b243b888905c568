/*
 * The sums of a series: from the cache of the process, where the cells are few, with the ends of
 * its range from the events; else all of it from the database.
 */
#include "store/report_series_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/report_cells.h"
#include "store/report_revenue_read.h"

#define MINUTE_USEC (60 * USEC_PER_SEC)

void report_series_release(struct report_series *s)
{
    free(s->rows);
    PQclear(s->result);
    *s = (struct report_series){ 0 };
}

static int compare(const struct report_series_row *a, const struct report_series_row *b)
{
    return a->slot != b->slot ? (a->slot < b->slot ? -1 : 1) : span_cmp(a->name, b->name);
}

static int grow(struct report_series *s)
{
    size_t size = MAX(s->size * 2, (size_t)256);
    struct report_series_row *rows;

    if (s->count < s->size)
        return 0;
    rows = realloc(s->rows, size * sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    s->rows = rows;
    s->size = size;
    return 0;
}

/* Most rows come in order, so that their place is near the end. */
static int add_row(struct report_series *s, const struct report_series_row *row)
{
    size_t place = s->count;
    int r = grow(s);

    if (r < 0)
        return r;
    while (place > 0 && compare(&s->rows[place - 1], row) > 0)
        place--;
    if (place > 0 && compare(&s->rows[place - 1], row) == 0) {
        s->rows[place - 1].count += row->count;
        s->rows[place - 1].cents += row->cents;
        return 0;
    }
    memmove(&s->rows[place + 1], &s->rows[place], (s->count++ - place) * sizeof(*s->rows));
    s->rows[place] = *row;
    return 0;
}

/* What the database says of spans. */
static int add_sums(struct db *db, const struct report_facts *facts,
                    const struct report_slot *slots, int count, struct report_series *s,
                    struct strbuf *err)
{
    int r = report_facts_sum(db, facts, slots, count, &s->result, err);

    for (int i = 0; r == 0 && i < PQntuples(s->result); i++) {
        struct report_series_row row = {
            .slot = report_i32(s->result, i, FACTS_SLOT),
            .name = facts->dimension_count ? report_text(s->result, i, FACTS_NAME) : SPAN_NONE,
            .count = (uint64_t)report_i64(s->result, i, FACTS_COUNT(facts)),
        };

        (void)!report_money_parse(report_text(s->result, i, FACTS_AMOUNT(facts)), &row.cents);
        r = add_row(s, &row);
    }
    return r;
}

/* The buckets in parts: whole minutes, and what is left of the first and of the last one. */
struct parts {
    const struct report_facts *facts;
    enum report_content content;
    struct report_span *spans; /* of whole minutes */
    int *slots;                /* and the buckets that they are of */
    int count;
    struct report_slot *ends;
    int end_count;
    struct report_series *series;
};

static void parts_release(struct parts *p)
{
    free(p->spans);
    free(p->slots);
    free(p->ends);
}

static void add_end(struct parts *p, int slot, struct report_span span)
{
    if (span.from_usec < span.to_usec)
        p->ends[p->end_count++] = (struct report_slot){ .slot = slot, .span = span };
}

static void add_bucket(struct parts *p, int slot, struct report_span span)
{
    const struct report_span whole = {
        (span.from_usec + MINUTE_USEC - 1) / MINUTE_USEC * MINUTE_USEC,
        span.to_usec / MINUTE_USEC * MINUTE_USEC,
    };

    if (whole.from_usec >= whole.to_usec) {
        add_end(p, slot, span);
        return;
    }
    add_end(p, slot, (struct report_span){ span.from_usec, whole.from_usec });
    p->slots[p->count] = slot;
    p->spans[p->count++] = whole;
    add_end(p, slot, (struct report_span){ whole.to_usec, span.to_usec });
}

static int parts_make(struct parts *p, const struct report_buckets *b)
{
    p->spans = calloc((size_t)b->count + 1, sizeof(*p->spans));
    p->slots = calloc((size_t)b->count + 1, sizeof(*p->slots));
    p->ends = calloc((size_t)b->count * 2 + 1, sizeof(*p->ends));
    if (!p->spans || !p->slots || !p->ends)
        return -ENOMEM;
    for (int i = 0; i < b->count; i++)
        add_bucket(p, i, b->bucket[i].span);
    return 0;
}

/* The part of a name that a dimension is. */
static int part_of(enum report_dimension dimension)
{
    switch (dimension) {
    case DIMENSION_STAGE:
        return 1;
    case DIMENSION_TYPE:
        return 2;
    default:
        return 0;
    }
}

static int take_cells(void *ctx, int number, const struct report_row *rows, size_t count)
{
    const struct parts *p = ctx;
    const struct report_facts *facts = p->facts;
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++) {
        const struct report_series_row row = {
            .slot = p->slots[number],
            .name =
                facts->dimension_count ? rows[i].part[part_of(facts->dimensions[0])] : SPAN_NONE,
            .count = rows[i].count,
            .cents = rows[i].cents,
        };

        if (facts->subject == SUBJECT_REVENUE &&
            !span_eq(rows[i].part[REVENUE_CURRENCY], span_str(report_currency(facts->filter))))
            continue;
        if (report_cells_kept(p->content, &rows[i], facts->filter))
            r = add_row(p->series, &row);
    }
    return r;
}

static int read_view(struct db *db, struct report_view *ret, struct strbuf *err)
{
    struct pg_call call = { .sql = report_view_sql, .params.binary_results = true };
    int r = pg_call_all(db, &call, 1, err);

    if (r == 0)
        report_view_take(ret, call.result);
    pg_calls_clear(&call, 1);
    return r;
}

static int read_cached(struct db *db, struct parts *p, const struct report_buckets *buckets,
                       struct strbuf *err)
{
    struct report_view view;
    int r = parts_make(p, buckets);

    if (r == 0)
        r = read_view(db, &view, err);
    if (r == 0)
        r = report_cells_each(db, p->content, &view, p->spans, p->count, take_cells, p, err);
    if (r == 0 && p->end_count)
        r = add_sums(db, p->facts, p->ends, p->end_count, p->series, err);
    return r;
}

/* Those of a campaign are few among many. */
static bool has_cells(const struct report_facts *facts, enum report_content *ret)
{
    *ret = facts->subject == SUBJECT_EVENTS ? CONTENT_EVENTS : CONTENT_REVENUE;
    if (facts->subject == SUBJECT_EVENTS)
        return true;
    return !facts->filter->campaign_id.ptr &&
           (!facts->dimension_count || facts->dimensions[0] == DIMENSION_SOURCE);
}

static int read_without_cache(struct db *db, const struct report_facts *facts,
                              const struct report_buckets *b, struct report_series *ret,
                              struct strbuf *err)
{
    struct report_slot *slots = calloc((size_t)b->count + 1, sizeof(*slots));
    int r;

    if (!slots)
        return -ENOMEM;
    for (int i = 0; i < b->count; i++)
        slots[i] = (struct report_slot){ .slot = i, .span = b->bucket[i].span };
    r = add_sums(db, facts, slots, b->count, ret, err);
    free(slots);
    return r;
}

int report_series_read(struct db *db, const struct report_facts *facts,
                       const struct report_buckets *buckets, struct report_series *ret,
                       struct strbuf *err)
{
    _cleanup_(parts_release) struct parts parts = { .facts = facts, .series = ret };
    int r = -ENOBUFS;

    *ret = (struct report_series){ 0 };
    if (report_cells_usable(db) && has_cells(facts, &parts.content))
        r = read_cached(db, &parts, buckets, err);
    if (r != -ENOBUFS)
        return r;
    report_series_release(ret);
    return read_without_cache(db, facts, buckets, ret, err);
}
