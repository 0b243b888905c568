#include "store/report_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_BYTES (64 * 1024)
#define FIRST_SIZE 1024

void report_names_init(struct report_names *names, size_t max_bytes)
{
    *names = (struct report_names){ .count = 0 };
    arena_init(&names->arena, ARENA_BLOCK_BYTES, max_bytes);
}

void report_names_release(struct report_names *names)
{
    arena_release(&names->arena);
    free(names->name);
    free(names->places);
    free(names->order);
}

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), with each part's length. */
static uint64_t hash_of(const struct span parts[static REPORT_NAME_PARTS])
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (int i = 0; i < REPORT_NAME_PARTS; i++) {
        for (size_t k = 0; k < parts[i].len; k++)
            h = (h ^ (unsigned char)parts[i].ptr[k]) * UINT64_C(0x100000001b3);
        h = (h ^ parts[i].len) * UINT64_C(0x100000001b3);
    }
    return h;
}

static bool is_name(const struct report_name *name, uint64_t hash,
                    const struct span parts[static REPORT_NAME_PARTS])
{
    if (name->hash != hash)
        return false;
    for (int i = 0; i < REPORT_NAME_PARTS; i++)
        if (!span_eq(name->part[i], parts[i]))
            return false;
    return true;
}

/* Where the name's number stands, or belongs. */
static uint32_t *find(const struct report_names *names, uint64_t hash,
                      const struct span parts[static REPORT_NAME_PARTS])
{
    size_t mask = (size_t)names->size * 2 - 1, i = (size_t)hash & mask;

    while (names->places[i] && !is_name(&names->name[names->places[i] - 1], hash, parts))
        i = (i + 1) & mask;
    return &names->places[i];
}

static int grow(struct report_names *names)
{
    uint32_t size = names->size ? names->size * 2 : FIRST_SIZE;
    struct report_name *name = realloc(names->name, size * sizeof(*name));
    uint32_t *places = calloc((size_t)size * 2, sizeof(*places));

    if (name)
        names->name = name;
    if (!name || !places) {
        free(places);
        return -ENOMEM;
    }
    free(names->places);
    names->places = places;
    names->size = size;
    for (uint32_t i = 0; i < names->count; i++)
        *find(names, names->name[i].hash, names->name[i].part) = i + 1;
    return 0;
}

int report_names_add(struct report_names *names, const struct span parts[static REPORT_NAME_PARTS],
                     uint32_t *ret)
{
    uint64_t hash = hash_of(parts);
    struct report_name name = { .hash = hash };
    uint32_t *place;

    if (names->count == names->size && grow(names) < 0)
        return -ENOMEM;
    place = find(names, hash, parts);
    if (!*place) {
        for (int i = 0; i < REPORT_NAME_PARTS; i++) {
            name.part[i] = arena_span(&names->arena, parts[i]);
            if (!name.part[i].ptr)
                return -ENOMEM;
        }
        names->name[names->count] = name;
        *place = ++names->count;
    }
    *ret = *place - 1;
    return 0;
}

static int by_parts(const void *a, const void *b, void *ctx)
{
    const struct report_names *names = ctx;
    const struct report_name *na = &names->name[*(const uint32_t *)a];
    const struct report_name *nb = &names->name[*(const uint32_t *)b];
    int c = span_cmp(na->part[1], nb->part[1]);

    if (c == 0)
        c = span_cmp(na->part[0], nb->part[0]);
    return c ? c : span_cmp(na->part[2], nb->part[2]);
}

const uint32_t *report_names_order(struct report_names *names)
{
    uint32_t *order = names->order;

    if (order && names->ordered == names->count)
        return order;
    order = realloc(order, ((size_t)names->count + 1) * sizeof(*order));
    if (!order)
        return NULL;
    for (uint32_t i = 0; i < names->count; i++)
        order[i] = i;
    names->order = order;
    names->ordered = names->count;
    qsort_r(order, names->count, sizeof(*order), by_parts, names);
    return order;
}
