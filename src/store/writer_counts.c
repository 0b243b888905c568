/*
 * How many, and how much: event_counts and revenue_totals by minute, quarter of an hour and UTC
 * day. The new events of each bucket are summed up in memory, then one upsert adds the sums to what
 * is stored.
 */
#include <errno.h>

#include "store/cell_map.h"
#include "store/writer_internal.h"

#define BOUNDS_OF_BOTH                                                                             \
    " earliest = least(t.earliest, excluded.earliest),"                                            \
    " latest = greatest(t.latest, excluded.latest)"

static const char counts_sql[] =
    "INSERT INTO event_counts AS t (grain, bucket, earliest, latest, events, source, funnel_stage,"
    " event_type)"
    " SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::timestamptz[],"
    " $4::timestamptz[], $5::bigint[], $6::text[], $7::text[], $8::text[])"
    " ON CONFLICT (grain, bucket, source, funnel_stage, event_type) DO UPDATE SET"
    " events = t.events + excluded.events," BOUNDS_OF_BOTH;

static const char revenue_sql[] =
    "INSERT INTO revenue_totals AS t (grain, bucket, earliest, latest, transactions, source,"
    " currency, amount)"
    " SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::timestamptz[],"
    " $4::timestamptz[], $5::bigint[], $6::text[], $7::text[], $8::numeric[])"
    " ON CONFLICT (grain, bucket, source, currency) DO UPDATE SET"
    " transactions = t.transactions + excluded.transactions, amount = t.amount + "
    "excluded.amount," BOUNDS_OF_BOTH;

static const enum pg_type column_types[] = {
    PG_INT4, PG_TIMESTAMPTZ, PG_TIMESTAMPTZ, PG_TIMESTAMPTZ, PG_INT8, PG_TEXT, PG_TEXT,
};

static const unsigned grains[] = { 1, 15, 1440 };

/* Of one bucket; the first event has the names of all. */
struct tally_cell {
    const struct store_event *first;
    int64_t earliest, latest, events;
    cents_sum cents;
};

struct tally {
    struct cell_map map;
    struct tally_cell *cells;
};

static int tally_init(struct tally *t, struct arena *arena, size_t events)
{
    size_t most = ARRAY_SIZE(grains) * events;
    int r = cell_map_init(&t->map, arena, most);

    t->cells = arena_array(arena, struct tally_cell, most);
    return r == 0 && t->cells ? 0 : -ENOMEM;
}

static void tally_add(struct tally *t, const struct store_event *se, uint64_t low, cents_sum cents)
{
    int64_t usec = se->event.timestamp_usec;

    for (size_t g = 0; g < ARRAY_SIZE(grains); g++) {
        uint64_t high = (uint64_t)grains[g] << 40 | bucket_of(usec, grains[g]);
        uint32_t count = t->map.count;
        uint32_t i = cell_map_add(&t->map, (struct key_number){ .high = high, .low = low });
        struct tally_cell *cell = &t->cells[i];
        if (i == count)
            *cell = (struct tally_cell){ .first = se, .earliest = usec, .latest = usec };
        cell->earliest = MIN(cell->earliest, usec);
        cell->latest = MAX(cell->latest, usec);
        cell->events++;
        cell->cents += cents;
    }
}

static void add_row(struct pg_array *columns, struct key_number key, const struct tally_cell *cell)
{
    unsigned grain = (unsigned)(key.high >> 40);

    pg_array_i32(&columns[0], (int32_t)grain);
    pg_array_timestamp(&columns[1], bucket_begin(key.high & ((UINT64_C(1) << 40) - 1), grain));
    pg_array_timestamp(&columns[2], cell->earliest);
    pg_array_timestamp(&columns[3], cell->latest);
    pg_array_i64(&columns[4], cell->events);
    pg_array_text(&columns[5], span_str(event_source_names[cell->first->event.source]));
}

static void add_type(struct pg_array *columns, const struct tally_cell *cell)
{
    pg_array_text(&columns[6], span_str(event_stage_names[cell->first->event.stage]));
    pg_array_text(&columns[7], span_str(event_type_names[cell->first->event.type]));
}

static void add_amount(struct pg_array *columns, const struct tally_cell *cell)
{
    pg_array_text(&columns[6], span_str(cell->first->event.engagement.currency));
    pg_array_cents(&columns[7], cell->cents);
}

/* The cells in the order of the primary key; `last` is the type of the eighth column. */
static int tally_send(struct write_job *job, const struct tally *t, const char *sql,
                      enum pg_type last,
                      void (*add_rest)(struct pg_array *, const struct tally_cell *),
                      struct strbuf *err)
{
    struct pg_array *columns = job->w->arrays;
    const uint32_t *order;

    if (!t->map.count)
        return 0;
    order = cell_map_sorted(&t->map);
    if (!order)
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(column_types); i++)
        pg_array_start(&columns[i], column_types[i]);
    pg_array_start(&columns[ARRAY_SIZE(column_types)], last);
    for (size_t i = 0; i < t->map.count; i++) {
        const struct tally_cell *cell = &t->cells[order[i]];
        add_row(columns, t->map.keys[order[i]], cell);
        add_rest(columns, cell);
    }
    return job_send(job, sql, ARRAY_SIZE(column_types) + 1, err);
}

int counts_send(struct write_job *job, struct strbuf *err)
{
    struct tally t;
    int r = tally_init(&t, &job->w->arena, job->fresh_count);

    if (r < 0)
        return r;
    for (size_t i = 0; i < job->fresh_count; i++) {
        const struct store_event *se = job_event(job, i);
        const struct event *ev = &se->event;
        if (!se->restored)
            tally_add(&t, se,
                      (uint64_t)ev->source << 16 | (uint64_t)ev->stage << 8 | (uint64_t)ev->type,
                      /* cents= */ 0);
    }
    return tally_send(job, &t, counts_sql, PG_TEXT, add_type, err);
}

int revenue_totals_send(struct write_job *job, struct strbuf *err)
{
    struct tally t;
    int r = tally_init(&t, &job->w->arena, job->fresh_count);

    if (r < 0)
        return r;
    for (size_t i = 0; i < job->fresh_count; i++) {
        const struct store_event *se = job_event(job, i);
        const struct event *ev = &se->event;
        if (!se->restored && brings_revenue(se))
            tally_add(&t, se, (uint64_t)ev->source << 32 | currency_number(ev), event_cents(ev));
    }
    return tally_send(job, &t, revenue_sql, PG_NUMERIC, add_amount, err);
}
