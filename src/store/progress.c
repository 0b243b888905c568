#include "store/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "store/pg.h"

#define NUMBER_TEXT_MAX 24
#define SUMS                                                                                       \
    "sum(events)::bigint, sum(stored)::bigint, sum(duplicates)::bigint, sum(dead)::bigint,"        \
    " sum(expired)::bigint"

/* One snapshot: the pruning moves rows from one table to the other. */
static const char sql[] =
    "SELECT true, messages, events, stored, duplicates, dead, expired FROM ledger_totals"
    " WHERE stream = $1 AND $2::bigint = 0"
    " UNION ALL"
    " SELECT seq <= $3::bigint, count(*), " SUMS " FROM ledger"
    " WHERE stream = $1 AND seq > $2::bigint GROUP BY 1";

static const char through_sql[] =
    "SELECT (extract(epoch FROM min(through)) * 1000000)::bigint FROM stream_progress";

/* told_at moves also while `through` stands still: it says that a collector is there. */
static const char tell_sql[] =
    "INSERT INTO stream_progress AS t (stream, through)"
    " VALUES ($1, least('epoch'::timestamptz + $2::bigint * interval '1 microsecond', now()))"
    " ON CONFLICT (stream) DO UPDATE"
    " SET through = greatest(t.through, excluded.through), told_at = now()"
    " WHERE t.told_at NOT BETWEEN now() - interval '0.7 s' AND now()";

static int query(struct db *db, const char *text, const struct pg_params *params,
                 PGresult **ret_rows, struct strbuf *err)
{
    int r = db_connect(db, err);

    if (r == 0)
        r = pg_query(db, text, params, ret_rows, err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

static uint64_t number(const PGresult *rows, int row, int column)
{
    uint64_t v = 0;

    (void)!parse_u64(span_str(PQgetvalue(rows, row, column)), &v);
    return v;
}

static void add_row(struct progress_counts *c, const PGresult *rows, int row)
{
    c->messages += number(rows, row, 1);
    c->events += number(rows, row, 2);
    c->stored += number(rows, row, 3);
    c->duplicates += number(rows, row, 4);
    c->dead += number(rows, row, 5);
    c->expired += number(rows, row, 6);
}

int progress_update(struct db *db, const char *stream, uint64_t ack_floor, struct progress *p,
                    struct strbuf *err)
{
    struct progress next = { 0 };
    char from[NUMBER_TEXT_MAX], to[NUMBER_TEXT_MAX];
    _cleanup_result_ PGresult *rows = NULL;
    struct pg_params params = { 0 };
    int r;

    if (ack_floor >= p->seq)
        next = *p;
    (void)snprintf(from, sizeof(from), "%" PRIu64, next.seq);
    (void)snprintf(to, sizeof(to), "%" PRIu64, ack_floor);
    pg_param_text(&params, stream);
    pg_param_text(&params, from);
    pg_param_text(&params, to);
    r = query(db, sql, &params, &rows, err);
    if (r != 0)
        return r;
    if (next.seq == 0)
        next.settled = (struct progress_counts){ 0 };
    for (int i = 0; i < PQntuples(rows); i++)
        if (PQgetvalue(rows, i, 0)[0] == 't')
            add_row(&next.settled, rows, i);
    next.all = next.settled;
    for (int i = 0; i < PQntuples(rows); i++)
        if (PQgetvalue(rows, i, 0)[0] != 't')
            add_row(&next.all, rows, i);
    next.seq = ack_floor;
    *p = next;
    return 0;
}

int progress_tell(struct db *db, const char *stream, int64_t through_usec, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    struct pg_params params = { 0 };
    char usec[NUMBER_TEXT_MAX];

    (void)snprintf(usec, sizeof(usec), "%" PRId64, through_usec);
    pg_param_text(&params, stream);
    pg_param_text(&params, usec);
    return query(db, tell_sql, &params, &res, err);
}

int progress_through(struct db *db, int64_t *ret_usec, struct strbuf *err)
{
    const struct pg_params none = { 0 };
    _cleanup_result_ PGresult *rows = NULL;
    int r = query(db, through_sql, &none, &rows, err);

    if (r == 0)
        *ret_usec = (int64_t)number(rows, 0, 0);
    return r;
}
