/*
 * Memory that is given back all at once: one request, one arena; one batch, one arena. Blocks are
 * kept for reuse by arena_reset(). A cap bounds what one arena may take from the heap.
 *
 * Not thread-safe; owned by one thread at a time. Memory is aligned for any type, not zeroed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *head; /* block in use; older ones behind it */
    size_t used;              /* bytes taken from the heap */
    size_t cap;
    size_t block_bytes;
};

/* Allocates nothing yet. block_bytes: what is taken from the heap at once. cap: the most in all. */
void arena_init(struct arena *a, size_t block_bytes, size_t cap);
void arena_release(struct arena *a);
#define _cleanup_arena_ _cleanup_(arena_release)

/* Forgets all content; keeps one block for reuse. */
void arena_reset(struct arena *a);

/* NULL when the heap or the cap is exhausted. */
void *arena_alloc(struct arena *a, size_t bytes) MUST_CHECK;
void *arena_zalloc(struct arena *a, size_t bytes) MUST_CHECK;

/* A NUL-terminated copy; ret.ptr is NULL when out of memory. */
char *arena_strndup(struct arena *a, const char *s, size_t len) MUST_CHECK;
struct span arena_span(struct arena *a, struct span s) MUST_CHECK;

#define arena_new(a, type) ((type *)arena_zalloc((a), sizeof(type)))
#define arena_array(a, type, n)                                                                    \
    ((type *)((size_t)(n) > SIZE_MAX / sizeof(type) ? NULL : arena_alloc((a), sizeof(type) * (n))))
