#include "store/partition.h"

#include "base/clock.h"

#define PARTITION_NONE INT64_MIN

#define TOMORROW "((now() AT TIME ZONE 'UTC')::date + 1)"

static const char there_sql[] =
    "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'processed_events'::regclass"
    " AND inhrelid = to_regclass('processed_events_' || to_char(" TOMORROW ", 'YYYYMMDD')))::int";

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

static int is_there(struct db *db, bool *ret_there, struct strbuf *err)
{
    const struct pg_params none = { 0 };
    _cleanup_result_ PGresult *res = NULL;
    int r = pg_query(db, there_sql, &none, &res, err);

    if (r == 0)
        *ret_there = PQgetvalue(res, 0, 0)[0] == '1';
    return r;
}

int partition_ensure_tomorrow(struct db *db, bool *ret_there, struct strbuf *err)
{
    bool there = false;
    int r = db_connect(db, err);

    if (r == 0)
        r = is_there(db, &there, err);
    if (r == 0 && !there)
        r = pg_exec(db, "SELECT ensure_events_partition(" TOMORROW ")", err);
    if (r == 0 && !there)
        r = is_there(db, &there, err);
    if (r == 0)
        *ret_there = there;
    else
        pg_abandon(db);
    return r;
}
