/*
 * Events and revenue by what has many values (campaign, country, device): the cells of each hour
 * are summed up in memory and added to cube_deltas. The migration of the rollups lists the cubes
 * and says who moves the deltas on.
 */
#include <errno.h>

#include "store/cell_map.h"
#include "store/writer_internal.h"

static const char copy_sql[] =
    "COPY cube_deltas (bucket, events, cube, source, funnel_stage, event_type, campaign_id,"
    " country, device, currency, amount) FROM STDIN (FORMAT binary)";

#define COLUMNS 11
/* The cube and the names of the enums. */
#define FIXED_BYTES (4 * 32 + CENTS_BYTES_MAX)

#define GRAIN 60

/* What a cube tells apart besides hour and source. */
enum dimension {
    OF_TYPE = 1, /* funnel stage and event type */
    OF_CAMPAIGN = 2,
    OF_COUNTRY = 4,
    OF_DEVICE = 8,
    OF_CURRENCY = 16, /* only revenue events */
};

static const struct cube {
    const char *name;
    unsigned dimensions;
} cubes[] = {
    { "campaign_device", OF_TYPE | OF_CAMPAIGN | OF_DEVICE },
    { "campaign_country", OF_TYPE | OF_CAMPAIGN | OF_COUNTRY },
    { "country_device", OF_TYPE | OF_COUNTRY | OF_DEVICE },
    { "campaign_revenue", OF_CAMPAIGN | OF_CURRENCY },
    { "revenue", OF_TYPE | OF_CAMPAIGN | OF_COUNTRY | OF_DEVICE | OF_CURRENCY },
};

/* Numbers of names take so many bits of a key; a batch has far fewer names. */
#define NAME_BITS 21
#define NAMES_MAX ((1 << NAME_BITS) - 1)

/* The first event has the names of all. */
struct cube_cell {
    const struct store_event *first;
    const struct cube *cube;
    int64_t events;
    cents_sum cents;
};

struct cube_merge {
    struct cell_map map;
    struct cube_cell *cells;
    struct name_map campaigns, countries, devices;
};

static int merge_init(struct cube_merge *m, struct arena *arena, size_t events)
{
    size_t most = ARRAY_SIZE(cubes) * events;

    m->cells = arena_array(arena, struct cube_cell, most);
    if (events > NAMES_MAX || !m->cells || cell_map_init(&m->map, arena, most) < 0 ||
        name_map_init(&m->campaigns, arena, events) < 0 ||
        name_map_init(&m->countries, arena, events) < 0 ||
        name_map_init(&m->devices, arena, events) < 0)
        return -ENOMEM;
    return 0;
}

/* The event's dimensions, packed; of each cube a part of them. */
struct packed {
    uint64_t hour, source, type, campaign, country, device, currency;
};

static struct packed pack(struct cube_merge *m, const struct event *ev)
{
    return (struct packed){
        .hour = bucket_of(ev->timestamp_usec, GRAIN), /* 27 bits */
        .source = (uint64_t)ev->source << 27,
        .type = ((uint64_t)ev->stage << 4 | (uint64_t)ev->type) << 28, /* 5 bits */
        .currency = currency_number(ev) << 33,                         /* 24 bits */
        .campaign = (uint64_t)name_map_add(&m->campaigns, ev->engagement.campaign_id)
                    << 2 * NAME_BITS,
        .country = (uint64_t)name_map_add(&m->countries, event_country(ev)) << NAME_BITS,
        .device = name_map_add(&m->devices, ev->engagement.device),
    };
}

static struct key_number key_of(const struct packed *p, size_t cube)
{
    unsigned of = cubes[cube].dimensions;
    struct key_number key = { .high = (uint64_t)cube << 60 | p->hour | p->source };

    key.high |= of & OF_TYPE ? p->type : 0;
    key.high |= of & OF_CURRENCY ? p->currency : 0;
    key.low |= of & OF_CAMPAIGN ? p->campaign : 0;
    key.low |= of & OF_COUNTRY ? p->country : 0;
    key.low |= of & OF_DEVICE ? p->device : 0;
    return key;
}

static void merge_event(struct cube_merge *m, const struct store_event *se)
{
    struct packed packed = pack(m, &se->event);
    bool revenue = brings_revenue(se);

    for (size_t i = 0; i < ARRAY_SIZE(cubes); i++) {
        bool of_revenue = cubes[i].dimensions & OF_CURRENCY;
        uint32_t count = m->map.count, at;
        if (of_revenue && !revenue)
            continue;
        at = cell_map_add(&m->map, key_of(&packed, i));
        if (at == count)
            m->cells[at] = (struct cube_cell){ .first = se, .cube = &cubes[i] };
        m->cells[at].events++;
        m->cells[at].cents += of_revenue ? event_cents(&se->event) : 0;
    }
}

static void put_dimension(struct strbuf *sb, const struct cube_cell *cell, enum dimension of,
                          struct span name)
{
    bool there = cell->cube->dimensions & of && name.len;

    wire_field_bytes(sb, there ? name.ptr : "", there ? name.len : 0);
}

static void put_row(struct strbuf *sb, const struct cube_cell *cell)
{
    const struct event *ev = &cell->first->event;

    wire_field_timestamp(sb, bucket_begin(bucket_of(ev->timestamp_usec, GRAIN), GRAIN));
    wire_field_i64(sb, cell->events);
    wire_field_text(sb, span_str(cell->cube->name));
    wire_field_text(sb, span_str(event_source_names[ev->source]));
    put_dimension(sb, cell, OF_TYPE, span_str(event_stage_names[ev->stage]));
    put_dimension(sb, cell, OF_TYPE, span_str(event_type_names[ev->type]));
    put_dimension(sb, cell, OF_CAMPAIGN, ev->engagement.campaign_id);
    put_dimension(sb, cell, OF_COUNTRY, event_country(ev));
    put_dimension(sb, cell, OF_DEVICE, ev->engagement.device);
    put_dimension(sb, cell, OF_CURRENCY, span_str(ev->engagement.currency));
    wire_field_cents(sb, cell->cents);
}

static size_t row_bytes(const struct event *ev)
{
    return FIXED_BYTES + ev->engagement.campaign_id.len + event_country(ev).len +
           ev->engagement.device.len;
}

static int copy_cells(struct write_job *job, const struct cube_merge *m, struct strbuf *err)
{
    struct pg_copy *copy = &job->w->copy;
    int r = pg_copy_begin(copy, job->w->db, copy_sql, err);

    for (size_t i = 0; r == 0 && i < m->map.count; i++) {
        r = pg_copy_row(copy, COLUMNS, row_bytes(&m->cells[i].first->event), err);
        if (r == 0)
            put_row(&copy->buf, &m->cells[i]);
    }
    return r == 0 ? pg_copy_end(copy, err) : r;
}

int cubes_copy(struct write_job *job, struct strbuf *err)
{
    struct cube_merge m;
    int r = merge_init(&m, &job->w->arena, job->fresh_count);

    if (r < 0)
        return r;
    for (size_t i = 0; i < job->fresh_count; i++)
        if (!job_event(job, i)->restored)
            merge_event(&m, job_event(job, i));
    return m.map.count ? copy_cells(job, &m, err) : 0;
}
