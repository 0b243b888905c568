#include "store/ledger_prune.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "store/pg.h"

#define CHUNK_ROWS "10000"

/* The rows with the lowest sequences are the oldest, but for those a former stream of that name
 * left: some of these lie beyond the last one. Looking at so many and no more costs the same
 * however long the ledger is.
 *
 * A row goes when its message has left the stream: its sequence and its time are before the first
 * message's, or its time is so far before that a step of the server's clock does not explain it. */
static const char prune_sql[] =
    "WITH oldest AS ((SELECT ctid FROM ledger WHERE stream = $1 AND seq < $2::bigint"
    "  ORDER BY seq LIMIT " CHUNK_ROWS ") UNION ALL (SELECT ctid FROM ledger WHERE stream = $1"
    "  AND seq > $3::bigint ORDER BY seq LIMIT " CHUNK_ROWS ")),"
    " gone AS (DELETE FROM ledger WHERE ctid = ANY (ARRAY(SELECT ctid FROM oldest))"
    "  AND processed_at < now() - $5::bigint * interval '1 microsecond'"
    "  AND (seq < $2::bigint AND stored_at < $4::bigint"
    "   OR stored_at < $4::bigint - 86400000000000) RETURNING *),"
    " noted AS (INSERT INTO ledger_totals AS t (stream, messages, events, stored, duplicates,"
    "  conflicts, dead, expired, through_seq, through_time)"
    "  SELECT $1, count(*), sum(events), sum(stored), sum(duplicates), sum(conflicts), sum(dead),"
    "  sum(expired), (SELECT seq FROM gone ORDER BY stored_at DESC LIMIT 1), max(stored_at)"
    "  FROM gone HAVING count(*) > 0"
    "  ON CONFLICT (stream) DO UPDATE SET messages = t.messages + excluded.messages,"
    "  events = t.events + excluded.events, stored = t.stored + excluded.stored,"
    "  duplicates = t.duplicates + excluded.duplicates,"
    "  conflicts = t.conflicts + excluded.conflicts, dead = t.dead + excluded.dead,"
    "  expired = t.expired + excluded.expired, through_seq = CASE WHEN"
    "  excluded.through_time > t.through_time THEN excluded.through_seq ELSE t.through_seq END,"
    "  through_time = greatest(t.through_time, excluded.through_time), pruned_at = now())"
    " SELECT count(*) FROM gone";

#define NUMBER_TEXT_MAX 24

static int prune_some(struct db *db, const struct ledger_prune *prune, uint64_t *ret_pruned,
                      struct strbuf *err)
{
    char first[NUMBER_TEXT_MAX], last[NUMBER_TEXT_MAX], time[NUMBER_TEXT_MAX],
        keep[NUMBER_TEXT_MAX];
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params params = { 0 };
    int r;

    (void)snprintf(first, sizeof(first), "%" PRIu64, prune->first_seq);
    (void)snprintf(last, sizeof(last), "%" PRIu64, prune->last_seq);
    (void)snprintf(time, sizeof(time), "%" PRId64, prune->first_nsec);
    (void)snprintf(keep, sizeof(keep), "%" PRIu64, prune->keep_usec);
    pg_param_text(&params, prune->stream);
    pg_param_text(&params, first);
    pg_param_text(&params, last);
    pg_param_text(&params, time);
    pg_param_text(&params, keep);
    r = pg_query(db, prune_sql, &params, &res, err);
    return r == 0 ? parse_u64(span_str(PQgetvalue(res, 0, 0)), ret_pruned) : r;
}

int ledger_prune_some(struct db *db, const struct ledger_prune *prune, uint64_t *ret_pruned,
                      struct strbuf *err)
{
    int r = db_connect(db, err);

    if (r == 0)
        r = prune_some(db, prune, ret_pruned, err);
    if (r != 0)
        pg_abandon(db);
    return r;
}
