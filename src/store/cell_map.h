/*
 * Merging in memory: cells are numbered from 0 in the order in which their keys first came, so that
 * what is summed up lies in arrays beside the map. And a name_map does the same with texts: in keys
 * stand their numbers.
 *
 *   r = cell_map_init(&map, arena, at_most);
 *   for each event: cell = cell_map_add(&map, key); sums[cell] += ...
 *   order = cell_map_sorted(&map);     the cells in the order of their keys, for the statement
 *
 * Both live in an arena and end with it; they hold as many as they were made for. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/macros.h"
#include "base/span.h"
#include "store/key_number.h"

struct cell_map {
    struct arena *arena;     /* borrowed */
    struct key_number *keys; /* by cell */
    uint32_t *places;        /* hashed by key: cell + 1, 0 = free */
    size_t mask;
    uint32_t count;
};

/* 0 or -ENOMEM. */
int cell_map_init(struct cell_map *map, struct arena *arena, size_t most) MUST_CHECK;
/* The cell of a key; a new one when it is map->count as it was before. */
uint32_t cell_map_add(struct cell_map *map, struct key_number key);
/* All cells by key, ascending; NULL when out of memory. */
uint32_t *cell_map_sorted(const struct cell_map *map) MUST_CHECK;

struct name_map {
    struct name_place *places; /* hashed by name */
    size_t mask;
    uint32_t count;
};

/* 0 or -ENOMEM. The empty name has the number 0 from the start. */
int name_map_init(struct name_map *map, struct arena *arena, size_t most) MUST_CHECK;
/* The name's number; the name MUST live as long as the map. */
uint32_t name_map_add(struct name_map *map, struct span name);
