/* Open addressing, never more than half full. */
#include "store/cell_map.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

struct name_place {
    struct span name;
    uint32_t hash;
    uint32_t number; /* 0 = free */
};

/* Twice as many places as there are entries at most: a power of two. */
static size_t places_for(size_t most)
{
    size_t n = 16;

    while (n < 2 * most)
        n *= 2;
    return n;
}

static uint64_t hash_key(struct key_number key)
{
    return hash_mix(key.high ^ hash_mix(key.low + UINT64_C(0x9e3779b97f4a7c15)));
}

int cell_map_init(struct cell_map *map, struct arena *arena, size_t most)
{
    size_t places = places_for(most);

    *map = (struct cell_map){ .arena = arena, .mask = places - 1 };
    map->keys = arena_array(arena, struct key_number, most);
    map->places = arena_zalloc(arena, places * sizeof(*map->places));
    return map->keys && map->places ? 0 : -ENOMEM;
}

uint32_t cell_map_add(struct cell_map *map, struct key_number key)
{
    size_t at = hash_key(key) & map->mask;

    for (; map->places[at]; at = (at + 1) & map->mask)
        if (key_number_compare(map->keys[map->places[at] - 1], key) == 0)
            return map->places[at] - 1;
    map->keys[map->count] = key;
    map->places[at] = ++map->count;
    return map->count - 1;
}

static int compare_cells(const void *a, const void *b, void *ctx)
{
    const struct key_number *keys = ctx;

    return key_number_compare(keys[*(const uint32_t *)a], keys[*(const uint32_t *)b]);
}

uint32_t *cell_map_sorted(const struct cell_map *map)
{
    const size_t count = map->count;
    uint32_t *order = arena_array(map->arena, uint32_t, count);

    if (!order)
        return NULL;
    for (uint32_t i = 0; i < map->count; i++)
        order[i] = i;
    qsort_r(order, map->count, sizeof(*order), compare_cells, map->keys);
    return order;
}

int name_map_init(struct name_map *map, struct arena *arena, size_t most)
{
    size_t places = places_for(most);

    *map = (struct name_map){ .mask = places - 1 };
    map->places = arena_zalloc(arena, places * sizeof(*map->places));
    return map->places ? 0 : -ENOMEM;
}

uint32_t name_map_add(struct name_map *map, struct span name)
{
    uint32_t hash;
    size_t at;

    if (!name.len)
        return 0;
    hash = (uint32_t)hash_span(0, name);
    for (at = hash & map->mask; map->places[at].number; at = (at + 1) & map->mask)
        if (map->places[at].hash == hash && span_eq(map->places[at].name, name))
            return map->places[at].number;
    map->places[at] = (struct name_place){ .name = name, .hash = hash, .number = ++map->count };
    return map->count;
}
