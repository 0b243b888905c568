#include "store/replay.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "store/pg.h"

/* As in audit.c: whole tables are joined, in one snapshot that no partition is dropped under. */
static const char begin_sql[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                                "SET LOCAL enable_seqscan = on; SET LOCAL enable_nestloop = off;"
                                "SET LOCAL work_mem = '256MB';"
                                "LOCK TABLE processed_events IN ACCESS SHARE MODE";

static const char rowless_sql[] =
    "DECLARE keys NO SCROLL CURSOR FOR SELECT k.event_key FROM event_keys k"
    " WHERE k.event_day >= ((SELECT retained_from FROM retention) AT TIME ZONE 'UTC')::date"
    " AND NOT EXISTS (SELECT FROM processed_events e WHERE e.event_key = k.event_key)";

static const char keyless_sql[] =
    "DECLARE keys NO SCROLL CURSOR FOR SELECT e.event_key FROM processed_events e"
    " WHERE e.timestamp >= (SELECT retained_from FROM retention)"
    " AND NOT EXISTS (SELECT FROM event_keys k WHERE k.event_key = e.event_key)";

static const char fetch_sql[] = "FETCH FORWARD 50000 FROM keys";

static int key_set_add(struct key_set *set, struct key_number key)
{
    if (set->count == set->room) {
        size_t room = MAX(2 * set->room, (size_t)1024);
        struct key_number *keys = reallocarray(set->keys, room, sizeof(*keys));
        if (!keys)
            return -ENOMEM;
        set->keys = keys;
        set->room = room;
    }
    set->keys[set->count++] = key;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct key_number *x = a, *y = b;

    return key_number_compare(*x, *y);
}

bool key_set_has(const struct key_set *set, struct key_number key)
{
    return set->count && bsearch(&key, set->keys, set->count, sizeof(key), compare);
}

static int fetch(struct db *db, struct key_set *set, int *ret_rows, struct strbuf *err)
{
    const struct pg_params params = { .binary_results = true };
    _cleanup_result_ PGresult *res = NULL;
    int r = pg_query(db, fetch_sql, &params, &res, err);

    if (r != 0)
        return r;
    *ret_rows = PQntuples(res);
    for (int i = 0; r == 0 && i < *ret_rows; i++)
        r = key_set_add(set, key_number_of(PQgetvalue(res, i, 0)));
    return r;
}

static int read_set(struct db *db, const char *sql, struct key_set *set, struct strbuf *err)
{
    int rows = 1;
    int r = pg_exec(db, sql, err);

    while (r == 0 && rows > 0)
        r = fetch(db, set, &rows, err);
    if (r == 0)
        r = pg_exec(db, "CLOSE keys", err);
    if (r == 0 && set->count)
        qsort(set->keys, set->count, sizeof(*set->keys), compare);
    return r;
}

int store_replay_init(struct store_replay *replay, struct db *db, struct strbuf *err)
{
    int r = db_connect(db, err);

    *replay = (struct store_replay){ 0 };
    if (r == 0)
        r = pg_exec(db, begin_sql, err);
    if (r == 0)
        r = read_set(db, rowless_sql, &replay->rowless, err);
    if (r == 0)
        r = read_set(db, keyless_sql, &replay->keyless, err);
    if (r == 0)
        r = pg_exec(db, "COMMIT", err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

void store_replay_release(struct store_replay *replay)
{
    free(replay->rowless.keys);
    free(replay->keyless.keys);
    *replay = (struct store_replay){ 0 };
}
