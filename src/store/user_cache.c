#include "store/user_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define WAYS 8 /* a set fills a cache line */
#define SETS (1024 * 1024 / WAYS)

struct entry {
    uint32_t tag;
    uint32_t place; /* number + 1, 0 = free */
};

struct user_cache {
    struct entry sets[SETS][WAYS];
    uint32_t next_out;
};

struct user_cache *user_cache_new(void)
{
    return calloc(1, sizeof(struct user_cache));
}

struct user_cache *user_cache_free(struct user_cache *cache)
{
    free(cache);
    return NULL;
}

void user_cache_clear(struct user_cache *cache)
{
    memset(cache->sets, 0, sizeof(cache->sets));
}

/* Where the user's set is, and what tells the user from others in it. */
static size_t set_of(enum event_source source, struct span id, uint32_t *ret_tag)
{
    uint64_t hash = hash_span((uint64_t)source << 32, id);

    *ret_tag = (uint32_t)(hash >> 32);
    return hash % SETS;
}

int32_t user_cache_get(const struct user_cache *cache, enum event_source source, struct span id)
{
    uint32_t tag;
    const struct entry *set = cache->sets[set_of(source, id, &tag)];

    for (int i = 0; i < WAYS; i++)
        if (set[i].place && set[i].tag == tag)
            return (int32_t)(set[i].place - 1);
    return -1;
}

void user_cache_put(struct user_cache *cache, enum event_source source, struct span id, int32_t no)
{
    uint32_t tag, way = 0;
    struct entry *set = cache->sets[set_of(source, id, &tag)];

    while (way < WAYS && set[way].place && set[way].tag != tag)
        way++;
    if (way == WAYS)
        way = cache->next_out++ % WAYS;
    set[way] = (struct entry){ .tag = tag, .place = (uint32_t)no + 1 };
}
