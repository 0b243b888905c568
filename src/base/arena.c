#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *older;
    size_t size; /* of data */
    size_t used;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t block_bytes, size_t cap)
{
    *a = (struct arena){ .block_bytes = block_bytes, .cap = cap };
}

static void free_chain(struct arena_block *b)
{
    while (b) {
        struct arena_block *older = b->older;
        free(b);
        b = older;
    }
}

void arena_release(struct arena *a)
{
    free_chain(a->head);
    a->head = NULL;
    a->used = 0;
}

void arena_reset(struct arena *a)
{
    if (!a->head)
        return;
    free_chain(a->head->older);
    a->head->older = NULL;
    a->head->used = 0;
    a->used = a->head->size;
}

static struct arena_block *add_block(struct arena *a, size_t bytes)
{
    size_t size = MAX(bytes, a->block_bytes);
    struct arena_block *b;

    if (size > a->cap || a->used > a->cap - size)
        return NULL;
    b = malloc(sizeof(*b) + size);
    if (!b)
        return NULL;
    b->older = a->head;
    b->size = size;
    b->used = 0;
    a->head = b;
    a->used += size;
    return b;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    const size_t align = alignof(max_align_t);
    struct arena_block *b = a->head;
    void *p;

    if (bytes > a->cap)
        return NULL;
    bytes = (bytes + align - 1) & ~(align - 1);
    if (!b || b->size - b->used < bytes)
        b = add_block(a, bytes);
    if (!b)
        return NULL;
    p = b->data + b->used;
    b->used += bytes;
    return p;
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
    void *p = arena_alloc(a, bytes);

    if (p)
        memset(p, 0, bytes);
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
    char *p = arena_alloc(a, len + 1);

    if (!p)
        return NULL;
    if (len)
        memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

struct span arena_span(struct arena *a, struct span s)
{
    return span_of(arena_strndup(a, s.ptr, s.len), s.len);
}
