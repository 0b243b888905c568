/*
 * The keys that one writer stored of late, as a Bloom filter in memory: of the keys of a batch only
 * those that the filter may hold need be looked up.
 *
 * It only saves work. A key it does not hold may well be stored (by another writer, before the
 * start, long ago): then the unique index refuses the key, the batch is done again with every key
 * looked up, and some batches after it likewise.
 *
 * Belongs to one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/key_number.h"

struct key_filter;

struct key_filter *key_filter_new(void); /* NULL: out of memory */
struct key_filter *key_filter_free(struct key_filter *f);

void key_filter_add(struct key_filter *f, struct key_number key);
/* false: it was not added of late. */
bool key_filter_may_hold(const struct key_filter *f, struct key_number key);

/* Whether the next batch should rely on the filter. */
bool key_filter_is_trusted(const struct key_filter *f);
/* A stored key was not in it. */
void key_filter_missed(struct key_filter *f);
/* A batch was stored. */
void key_filter_served(struct key_filter *f);
