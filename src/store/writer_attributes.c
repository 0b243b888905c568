/*
 * Who is listed under which demographic values. New users are most of those whom the bitmaps do not
 * have yet: their bits are set here, in memory. Users whose values have changed are few: the
 * statement finds out where they were.
 */
#include <errno.h>

#include "store/cell_map.h"
#include "store/writer_internal.h"

static const char relist_sql[] =
    "SELECT relist_users($1::text[], $2::text[], ARRAY("
    "SELECT ROW(chunk, source, attribute, value, users, no_users())::attribute_change"
    " FROM unnest($3::integer[], $4::text[], $5::text[], $6::text[], $7::varbit[])"
    " AS x (chunk, source, attribute, value, users)))";

static const enum pg_type column_types[] = {
    PG_TEXT, PG_TEXT, PG_INT4, PG_TEXT, PG_TEXT, PG_TEXT, PG_VARBIT,
};

/* Values of a user at most: demographic_values() in the migrations. */
#define VALUES_MAX 3

struct attribute_cell {
    struct span attribute, value;
    enum event_source source;
    int32_t chunk;
    uint8_t *bits;
};

struct attribute_map {
    struct cell_map map;
    struct name_map names; /* attributes and values */
    struct attribute_cell *cells;
};

int attributes_prepare(struct write_job *job)
{
    struct arena *arena = &job->w->arena;
    struct attribute_map *m = arena_new(arena, struct attribute_map);
    size_t most = VALUES_MAX * job->fresh_count;

    if (!m || cell_map_init(&m->map, arena, most) < 0 ||
        name_map_init(&m->names, arena, 2 * most) < 0)
        return -ENOMEM;
    m->cells = arena_array(arena, struct attribute_cell, most);
    job->joined = m;
    return m->cells ? 0 : -ENOMEM;
}

/* Names lie in the result, which the cells outlive. */
static int cell_init(struct attribute_cell *cell, struct arena *arena, const struct job_user *user,
                     struct span attribute, struct span value)
{
    *cell = (struct attribute_cell){
        .attribute = arena_span(arena, attribute),
        .value = arena_span(arena, value),
        .source = user->source,
        .chunk = user->no >> CHUNK_BITS,
        .bits = arena_zalloc(arena, CHUNK_BYTES),
    };
    return cell->attribute.ptr && cell->value.ptr && cell->bits ? 0 : -ENOMEM;
}

static int join(struct write_job *job, const struct job_user *user, struct span attribute,
                struct span value)
{
    struct attribute_map *m = job->joined;
    struct key_number key = {
        .high = (uint64_t)user->source << 32 | name_map_add(&m->names, attribute),
        .low = (uint64_t)name_map_add(&m->names, value) << 32 | (uint64_t)(user->no >> CHUNK_BITS),
    };
    uint32_t count = m->map.count, at = cell_map_add(&m->map, key);
    struct attribute_cell *cell = &m->cells[at];

    if (at == count && cell_init(cell, &job->w->arena, user, attribute, value) < 0)
        return -ENOMEM;
    chunk_set(cell->bits, user->no);
    return 0;
}

int attributes_join(struct write_job *job, const struct job_user *user, const char *values)
{
    struct pg_texts texts = pg_texts_of(values);
    struct span attribute, value;
    int r = 0;

    for (int i = 0; r == 0 && i < VALUES_MAX; i++) {
        if (!pg_texts_next(&texts, &attribute) || !pg_texts_next(&texts, &value))
            break;
        if (value.ptr)
            r = join(job, user, attribute, value);
    }
    return r;
}

static void add_cell(struct pg_array *columns, const struct attribute_cell *cell)
{
    pg_array_i32(&columns[2], cell->chunk);
    pg_array_text(&columns[3], span_str(event_source_names[cell->source]));
    pg_array_text(&columns[4], cell->attribute);
    pg_array_text(&columns[5], cell->value);
    pg_array_bits(&columns[6], cell->bits, CHUNK_USERS);
}

int attributes_send(struct write_job *job, struct strbuf *err)
{
    const struct attribute_map *joined = job->joined;
    struct pg_array *columns = job->w->arrays;

    for (size_t i = 0; i < ARRAY_SIZE(column_types); i++)
        pg_array_start(&columns[i], column_types[i]);
    for (size_t i = 0; i < job->user_count; i++) {
        const struct job_user *user = &job->users[i];
        if (!user->relist)
            continue;
        pg_array_text(&columns[0], span_str(event_source_names[user->source]));
        pg_array_text(&columns[1], user->id);
    }
    for (size_t i = 0; i < joined->map.count; i++)
        add_cell(columns, &joined->cells[i]);
    if (!columns[0].count && !joined->map.count)
        return 0;
    return job_send(job, relist_sql, ARRAY_SIZE(column_types), err);
}
