/*
 * The day partitions of processed_events. They are made before the transaction that needs them, in
 * one of their own; a cache remembers which ones this connection has seen.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/pg.h"

/* Days known to have a partition, each in the place its number gives. */
#define PARTITION_CACHE_DAYS 1024

struct partition_cache {
    int64_t days[PARTITION_CACHE_DAYS]; /* hashed by day; PARTITION_NONE = free */
    int64_t last;                       /* asked for last: most events are of one day */
};

void partition_cache_clear(struct partition_cache *cache);

/* Makes the partition of a day (since 1970) if there is none. */
int partition_ensure(struct partition_cache *cache, struct db *db, int64_t day,
                     struct strbuf *err) MUST_CHECK;

/* Makes the partition of the UTC day after this one, by the server's clock, if there is none, so
 * that no writer has to do it at midnight. *ret_there: it is there, asked afterwards. 0 or a
 * db_outcome. */
int partition_ensure_tomorrow(struct db *db, bool *ret_there, struct strbuf *err) MUST_CHECK;
