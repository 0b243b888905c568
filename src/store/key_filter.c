#include "store/key_filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

/* A key's bits lie in one block, a line of the processor's cache. Keys are digests: their own bits
 * are as random as any hash. */
#define BLOCK_WORDS 8
#define BLOCK_BITS (BLOCK_WORDS * 64)
#define BLOCKS ((size_t)1 << 17)
#define KEY_BITS 4
/* 16 bits a key: some 0.5 % of new keys are looked up in vain. */
#define GENERATION_KEYS (BLOCKS * BLOCK_BITS / 16)
#define WARY_MAX 64

typedef uint64_t block[BLOCK_WORDS];

struct key_filter {
    block *young, *old; /* when the young one is full it becomes the old one */
    size_t young_count;
    uint32_t penalty; /* how many batches the next miss makes wary */
    uint32_t wary;    /* batches to come that do not rely on the filter */
};

struct key_filter *key_filter_new(void)
{
    struct key_filter *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->penalty = 1;
    f->young = calloc(BLOCKS, sizeof(*f->young));
    f->old = calloc(BLOCKS, sizeof(*f->old));
    return f->young && f->old ? f : key_filter_free(f);
}

struct key_filter *key_filter_free(struct key_filter *f)
{
    if (!f)
        return NULL;
    free(f->young);
    free(f->old);
    free(f);
    return NULL;
}

static void grow_old(struct key_filter *f)
{
    block *forgotten = f->old;

    f->old = f->young;
    f->young = forgotten;
    memset(f->young, 0, BLOCKS * sizeof(*f->young));
    f->young_count = 0;
}

void key_filter_add(struct key_filter *f, struct key_number key)
{
    uint64_t *words;

    if (f->young_count == GENERATION_KEYS)
        grow_old(f);
    f->young_count++;
    words = f->young[key.high % BLOCKS];
    for (int i = 0; i < KEY_BITS; i++, key.low /= BLOCK_BITS)
        words[key.low % BLOCK_BITS / 64] |= UINT64_C(1) << (key.low % 64);
}

static bool holds(const uint64_t *words, uint64_t low)
{
    for (int i = 0; i < KEY_BITS; i++, low /= BLOCK_BITS)
        if (!(words[low % BLOCK_BITS / 64] >> (low % 64) & 1))
            return false;
    return true;
}

bool key_filter_may_hold(const struct key_filter *f, struct key_number key)
{
    size_t at = key.high % BLOCKS;

    return holds(f->young[at], key.low) || holds(f->old[at], key.low);
}

bool key_filter_is_trusted(const struct key_filter *f)
{
    return f->wary == 0;
}

void key_filter_missed(struct key_filter *f)
{
    f->wary = f->penalty;
    f->penalty = MIN(f->penalty * 2, WARY_MAX);
}

void key_filter_served(struct key_filter *f)
{
    if (f->wary > 0)
        f->wary--;
    else
        f->penalty = MAX(f->penalty / 2, 1);
}
