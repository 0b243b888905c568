/*
 * Who was active: for each hour and UTC day, source and stage a bitmap of users, in chunks. The
 * bits of a batch are set in memory, then one upsert adds them to what is stored.
 *
 * Bits that this connection has committed are remembered and not written again: in the stream of
 * the day nearly every event is of a user whose bit is there. That needs no lease, because a bit is
 * only ever cleared with its whole bucket, behind what is retained.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/cell_map.h"
#include "store/writer_internal.h"

/* Of 1 KiB each; two bitmaps that fall on one place take turns. */
#define CACHE_PLACES 8192

static const char upsert_sql[] =
    "INSERT INTO user_activity AS a (grain, bucket, source, funnel_stage, chunk, users)"
    " SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::text[], $4::text[],"
    " $5::integer[], $6::varbit[])"
    " ON CONFLICT (grain, bucket, source, funnel_stage, chunk)"
    " DO UPDATE SET users = a.users | excluded.users WHERE a.users | excluded.users <> a.users";

static const enum pg_type column_types[] = {
    PG_INT4, PG_TIMESTAMPTZ, PG_TEXT, PG_TEXT, PG_INT4, PG_VARBIT,
};

static const unsigned grains[] = { 60, 1440 };

struct activity_cache {
    struct key_number keys[CACHE_PLACES]; /* zero = free: no bucket is that old */
    uint8_t bits[CACHE_PLACES][CHUNK_BYTES];
};

struct activity_map {
    struct cell_map cells;
    uint8_t **bits; /* by cell */
};

struct activity_cache *activity_cache_new(void)
{
    return calloc(1, sizeof(struct activity_cache));
}

struct activity_cache *activity_cache_free(struct activity_cache *cache)
{
    free(cache);
    return NULL;
}

void activity_cache_clear(struct activity_cache *cache)
{
    memset(cache->keys, 0, sizeof(cache->keys));
}

/* (grain, bucket), (source, stage, chunk): in the order of the primary key. */
static struct key_number key_of(const struct event *ev, unsigned grain, int32_t user_no)
{
    return (struct key_number){
        .high = (uint64_t)grain << 40 | bucket_of(ev->timestamp_usec, grain),
        .low = (uint64_t)ev->source << 40 | (uint64_t)ev->stage << 32 |
               (uint64_t)(user_no >> CHUNK_BITS),
    };
}

/* Chunks and hours in a row lie side by side. */
static size_t place_of(struct key_number key)
{
    uint64_t x = key.high * 1021 + (key.low & UINT32_MAX) * 8 + (key.low >> 32) * 2741;

    return x % CACHE_PLACES;
}

static bool is_stored(const struct activity_cache *cache, struct key_number key, int32_t user_no)
{
    size_t place = place_of(key);

    return key_number_compare(cache->keys[place], key) == 0 &&
           chunk_has(cache->bits[place], user_no);
}

static int map_init(struct write_job *job)
{
    size_t most = ARRAY_SIZE(grains) * job->fresh_count;
    struct activity_map *map = arena_new(&job->w->arena, struct activity_map);
    int r;

    if (!map)
        return -ENOMEM;
    r = cell_map_init(&map->cells, &job->w->arena, most);
    map->bits = arena_array(&job->w->arena, uint8_t *, most);
    if (r < 0 || !map->bits)
        return -ENOMEM;
    job->active = map;
    return 0;
}

static int add_bit(struct write_job *job, struct key_number key, int32_t user_no)
{
    struct activity_map *map = job->active;
    uint32_t count = map->cells.count, cell;

    if (is_stored(job->w->activity, key, user_no))
        return 0;
    cell = cell_map_add(&map->cells, key);
    if (cell == count) {
        map->bits[cell] = arena_zalloc(&job->w->arena, CHUNK_BYTES);
        if (!map->bits[cell])
            return -ENOMEM;
    }
    chunk_set(map->bits[cell], user_no);
    return 0;
}

static int add_events(struct write_job *job)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < job->fresh_count; i++) {
        const struct event *ev = &job_event(job, i)->event;
        int32_t no = job->users[job->user_of[i]].no;
        for (size_t g = 0; r == 0 && g < ARRAY_SIZE(grains); g++)
            r = add_bit(job, key_of(ev, grains[g], no), no);
    }
    return r;
}

static void add_row(struct pg_array *columns, struct key_number key, const uint8_t *bits)
{
    unsigned grain = (unsigned)(key.high >> 40);

    pg_array_i32(&columns[0], (int32_t)grain);
    pg_array_timestamp(&columns[1], bucket_begin(key.high & ((UINT64_C(1) << 40) - 1), grain));
    pg_array_text(&columns[2], span_str(event_source_names[key.low >> 40]));
    pg_array_text(&columns[3], span_str(event_stage_names[key.low >> 32 & 0xff]));
    pg_array_i32(&columns[4], (int32_t)(key.low & UINT32_MAX));
    pg_array_bits(&columns[5], bits, CHUNK_USERS);
}

int activity_send(struct write_job *job, struct strbuf *err)
{
    struct pg_array *columns = job->w->arrays;
    const struct cell_map *cells;
    const uint32_t *order;
    int r = map_init(job);

    if (r == 0)
        r = add_events(job);
    if (r < 0)
        return r;
    cells = &job->active->cells;
    if (!cells->count)
        return 0;
    order = cell_map_sorted(cells);
    if (!order)
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(column_types); i++)
        pg_array_start(&columns[i], column_types[i]);
    for (size_t i = 0; i < cells->count; i++)
        add_row(columns, cells->keys[order[i]], job->active->bits[order[i]]);
    return job_send(job, upsert_sql, ARRAY_SIZE(column_types), err);
}

void activity_remember(struct write_job *job)
{
    const struct activity_map *map = job->active;
    struct activity_cache *cache = job->w->activity;

    for (size_t cell = 0; cell < map->cells.count; cell++) {
        struct key_number key = map->cells.keys[cell];
        size_t place = place_of(key);
        if (key_number_compare(cache->keys[place], key) != 0)
            memset(cache->bits[place], 0, CHUNK_BYTES);
        cache->keys[place] = key;
        for (size_t i = 0; i < CHUNK_BYTES; i++)
            cache->bits[place][i] |= map->bits[cell][i];
    }
}
