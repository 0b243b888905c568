/*
 * What became of a webhook request. Its events lie in one or more messages, and each message that
 * is stored has left a row for it; requests that share an id are told apart by when they came. Only
 * the last messages of a request say how many events it had: the first ones leave while the gateway
 * is still reading it.
 */
#include <errno.h>

#include "base/clock.h"
#include "store/progress.h"
#include "store/report_query.h"

#define REQUESTS_MAX "100" /* docs/http-api.md */

/* A message may hold several runs of one id and one millisecond. */
static const char sql[] =
    "SELECT received_at, stream, seq, max(processed_at), sum(events)::bigint, sum(stored)::bigint,"
    " sum(duplicates)::bigint, sum(conflicts)::bigint, sum(dead)::bigint, sum(expired)::bigint,"
    " max(accepted)::bigint, max(rejected)::bigint,"
    " sum(events) FILTER (WHERE accepted IS NOT NULL)::bigint"
    " FROM (SELECT *, dense_rank() OVER (ORDER BY received_at DESC) AS place FROM request_outcomes"
    " WHERE correlation_id = $1) o WHERE place <= " REQUESTS_MAX
    " GROUP BY received_at, stream, seq, stored_at"
    " ORDER BY received_at DESC, stream, seq, stored_at";

enum column {
    RECEIVED_AT,
    STREAM,
    SEQ,
    PROCESSED_AT,
    EVENTS,
    STORED,
    DUPLICATES,
    CONFLICTS,
    DEAD,
    EXPIRED,
    ACCEPTED,
    REJECTED,
    TOLD_EVENTS
};

struct outcome {
    uint64_t events, stored, duplicates, conflicts, dead, expired;
    bool told; /* how many events the request had: */
    uint64_t accepted, rejected;
    uint64_t told_events; /* of the messages that say so */
};

static uint64_t count_at(const PGresult *rows, int row, int column)
{
    return (uint64_t)report_i64(rows, row, column);
}

static void outcome_add(struct outcome *o, const PGresult *rows, int row)
{
    o->events += count_at(rows, row, EVENTS);
    o->stored += count_at(rows, row, STORED);
    o->duplicates += count_at(rows, row, DUPLICATES);
    o->conflicts += count_at(rows, row, CONFLICTS);
    o->dead += count_at(rows, row, DEAD);
    o->expired += count_at(rows, row, EXPIRED);
    if (PQgetisnull(rows, row, ACCEPTED))
        return;
    o->told = true;
    o->told_events += count_at(rows, row, TOLD_EVENTS);
    o->accepted = MAX(o->accepted, count_at(rows, row, ACCEPTED));
    o->rejected = MAX(o->rejected, count_at(rows, row, REJECTED));
}

/* Requests of one id and one millisecond cannot be told apart: they had as many events at least as
 * have come. */
static void outcome_settle(struct outcome *o)
{
    o->accepted = MAX(o->accepted, o->told_events);
}

/* Dead letters that were put back into the stream came in beside what the gateway accepted. */
static uint64_t pending_of(const struct outcome *o)
{
    return o->accepted > o->events ? o->accepted - o->events : 0;
}

static const char *status_of(const struct outcome *o)
{
    uint64_t there = o->stored + o->duplicates;

    if (pending_of(o))
        return "pending";
    if (there == 0)
        return "rejected";
    return there == o->events && o->rejected == 0 ? "stored" : "partly_stored";
}

static void write_count(struct json_out *j, const char *key, uint64_t count)
{
    json_key(j, key);
    json_u64(j, count);
}

static void write_told(struct json_out *j, const char *key, const struct outcome *o, uint64_t count)
{
    json_key(j, key);
    if (o->told)
        json_u64(j, count);
    else
        json_null(j);
}

static void write_message(struct json_out *j, const PGresult *rows, int row)
{
    json_object(j);
    json_key(j, "stream");
    json_string(j, report_text(rows, row, STREAM));
    write_count(j, "seq", count_at(rows, row, SEQ));
    write_count(j, "events", count_at(rows, row, EVENTS));
    report_write_time(j, "processedAt", rows, row, PROCESSED_AT);
    json_object_end(j);
}

static void write_outcome(struct json_out *j, const struct outcome *o)
{
    write_told(j, "accepted", o, o->accepted);
    write_told(j, "rejected", o, o->rejected);
    write_count(j, "stored", o->stored);
    write_count(j, "duplicates", o->duplicates);
    write_count(j, "conflicts", o->conflicts);
    write_count(j, "deadLettered", o->dead);
    write_count(j, "expired", o->expired);
    write_told(j, "pending", o, pending_of(o));
    json_key(j, "status");
    json_str(j, status_of(o));
}

/* The rows from..to-1 are those of one request. */
static void write_request(struct json_out *j, const PGresult *rows, int from, int to)
{
    struct outcome o = { 0 };

    for (int row = from; row < to; row++)
        outcome_add(&o, rows, row);
    outcome_settle(&o);
    json_object(j);
    report_write_time(j, "receivedAt", rows, from, RECEIVED_AT);
    write_outcome(j, &o);
    json_key(j, "messages");
    json_array(j);
    for (int row = from; row < to; row++)
        write_message(j, rows, row);
    json_array_end(j);
    json_object_end(j);
}

static void write_answer(struct json_out *j, const struct report_filter *f, const PGresult *rows)
{
    int from = 0;

    json_object(j);
    json_key(j, "correlationId");
    json_string(j, f->id);
    json_key(j, "requests");
    json_array(j);
    for (int row = 1; row <= PQntuples(rows); row++) {
        if (row < PQntuples(rows) &&
            report_i64(rows, row, RECEIVED_AT) == report_i64(rows, from, RECEIVED_AT))
            continue;
        write_request(j, rows, from, row);
        from = row;
    }
    json_array_end(j);
    json_object_end(j);
}

/* Whether it was never sent or is not stored yet, the tables cannot tell; how far they go, they
 * can.
 */
static int tell_unknown(struct db *db, struct strbuf *err)
{
    char text[TIMESTAMP_TEXT_MAX];
    int64_t through = 0;
    int r = progress_through(db, &through, err);

    if (r != 0)
        return r;
    if (through)
        strbuf_setf(err,
                    "nothing is known of this request: all that was accepted before %.*s is in the"
                    " tables, a later request may be pending",
                    SPAN_ARG(timestamp_format(through, text)));
    else
        strbuf_setf(err, "nothing is known of this request: it may be pending, the collectors have"
                         " not told yet how far the tables go");
    return -ENOENT;
}

int report_requests(struct db *db, const struct report_filter *f, struct strbuf *out,
                    struct strbuf *err)
{
    struct pg_call call = { .sql = sql, .params.binary_results = true };
    struct json_out j;
    int r;

    pg_param_binary(&call.params, PG_TEXT, f->id);
    r = pg_call_all(db, &call, 1, err);
    if (r == 0 && PQntuples(call.result) == 0)
        r = tell_unknown(db, err);
    if (r == 0) {
        json_out_init(&j, out);
        write_answer(&j, f, call.result);
        r = report_done(out, err);
    }
    pg_calls_clear(&call, 1);
    return r;
}
