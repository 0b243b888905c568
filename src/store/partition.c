#include "store/partition.h"

#include "base/clock.h"

#define PARTITION_NONE INT64_MIN

void partition_cache_clear(struct partition_cache *cache)
{
    for (size_t i = 0; i < PARTITION_CACHE_DAYS; i++)
        cache->days[i] = PARTITION_NONE;
    cache->last = PARTITION_NONE;
}

/* Days in a row never collide; one that does takes the place of the other. */
static int64_t *place_of(struct partition_cache *cache, int64_t day)
{
    return &cache->days[(uint64_t)day % PARTITION_CACHE_DAYS];
}

static int make(struct db *db, int64_t day, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params params = { 0 };
    char text[DATE_TEXT_MAX];

    (void)date_format(day, text);
    pg_param_text(&params, text);
    return pg_query(db, "SELECT ensure_events_partition($1::date)", &params, &res, err);
}

int partition_ensure(struct partition_cache *cache, struct db *db, int64_t day, struct strbuf *err)
{
    int64_t *place = place_of(cache, day);
    int r = 0;

    if (cache->last == day)
        return 0;
    if (*place != day)
        r = make(db, day, err);
    if (r != 0)
        return r;
    *place = cache->last = day;
    return 0;
}
