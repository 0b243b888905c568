#include "store/quarantine.h"

#include <errno.h>
#include <string.h>

#include "base/number.h"
#include "store/array.h"
#include "store/pg.h"

#define MESSAGES_FROM_ARRAYS                                                                       \
    "unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS m(stream, seq, stored_at, " \
    "place)"

/* Runs a statement whose parameters are the messages as three arrays. */
static int query(struct db *db, const char *sql, const struct store_message *messages, size_t count,
                 PGresult **ret_result, struct strbuf *err)
{
    struct pg_array streams, seqs, times;
    struct pg_params p = { 0 };
    int r;

    pg_array_init(&streams);
    pg_array_init(&seqs);
    pg_array_init(&times);
    pg_array_start(&streams, PG_TEXT);
    pg_array_start(&seqs, PG_INT8);
    pg_array_start(&times, PG_INT8);
    for (size_t i = 0; i < count; i++) {
        pg_array_text(&streams, span_str(messages[i].stream));
        pg_array_i64(&seqs, (int64_t)messages[i].seq);
        pg_array_i64(&times, messages[i].stored_nsec);
    }
    r = pg_array_param(&streams, &p);
    if (r == 0)
        r = pg_array_param(&seqs, &p);
    if (r == 0)
        r = pg_array_param(&times, &p);
    if (r == 0)
        r = db_connect(db, err);
    if (r == 0)
        r = pg_query(db, sql, &p, ret_result, err);
    if (r != 0)
        pg_abandon(db);
    pg_array_release(&streams);
    pg_array_release(&seqs);
    pg_array_release(&times);
    return r;
}

static int run(struct db *db, const char *sql, const struct store_message *messages, size_t count,
               struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;

    return query(db, sql, messages, count, &res, err);
}

/* The place of a row's message (0-based) and its second column. */
static bool row_of(const PGresult *res, int row, size_t count, size_t *ret_place,
                   uint32_t *ret_value)
{
    uint64_t place;

    if (parse_u64(span_str(PQgetvalue(res, row, 0)), &place) < 0 || place < 1 || place > count)
        return false;
    *ret_place = (size_t)place - 1;
    return parse_u32(span_str(PQgetvalue(res, row, 1)), ret_value) == 0;
}

int quarantine_attempts(struct db *db, const struct store_message *messages, size_t count,
                        uint32_t *ret_attempts, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    size_t place;
    uint32_t value;
    int r;

    r = query(db,
              "SELECT m.place, s.attempts FROM " MESSAGES_FROM_ARRAYS
              " JOIN suspect_messages s USING (stream, seq, stored_at)",
              messages, count, &res, err);
    if (r != 0)
        return r;
    memset(ret_attempts, 0, count * sizeof(*ret_attempts));
    for (int i = 0; i < PQntuples(res); i++)
        if (row_of(res, i, count, &place, &value))
            ret_attempts[place] = value;
    return 0;
}

int quarantine_begin(struct db *db, const struct store_message *messages, size_t count,
                     struct strbuf *err)
{
    /* In the order of the key: two collectors with the same messages must not wait for each other.
     */
    return run(db,
               "INSERT INTO suspect_messages AS s (stream, seq, stored_at)"
               " SELECT stream, seq, stored_at FROM " MESSAGES_FROM_ARRAYS
               " ORDER BY stream, seq, stored_at"
               " ON CONFLICT (stream, seq, stored_at) DO UPDATE SET attempts = s.attempts + 1",
               messages, count, err);
}

int quarantine_end(struct db *db, const struct store_message *messages, size_t count,
                   struct strbuf *err)
{
    return run(db,
               "DELETE FROM suspect_messages s USING " MESSAGES_FROM_ARRAYS
               " WHERE s.stream = m.stream AND s.seq = m.seq AND s.stored_at = m.stored_at",
               messages, count, err);
}

int quarantine_stored(struct db *db, const struct store_message *messages, size_t count,
                      bool *ret_stored, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    size_t place;
    uint32_t value;
    int r;

    r = query(db,
              "SELECT m.place, 1 FROM " MESSAGES_FROM_ARRAYS
              " JOIN ledger l USING (stream, seq, stored_at)",
              messages, count, &res, err);
    if (r != 0)
        return r;
    memset(ret_stored, 0, count * sizeof(*ret_stored));
    for (int i = 0; i < PQntuples(res); i++)
        if (row_of(res, i, count, &place, &value))
            ret_stored[place] = true;
    return 0;
}
