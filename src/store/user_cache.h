/*
 * The numbers of users, by (source, id): a number never changes, so what is here is right whoever
 * writes. Only a part of the id's hash is kept: who uses a number checks in the database that it is
 * that user's. Takes 8 MiB at most; when it is full, users leave at random. One thread.
 */
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "event/event.h"

struct user_cache;

struct user_cache *user_cache_new(void); /* NULL: out of memory */
struct user_cache *user_cache_free(struct user_cache *cache);
void user_cache_clear(struct user_cache *cache);

/* -1: not known. */
int32_t user_cache_get(const struct user_cache *cache, enum event_source source, struct span id);
void user_cache_put(struct user_cache *cache, enum event_source source, struct span id, int32_t no);
