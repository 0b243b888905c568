/* One event, as it came: the register of keys says when it was, and so where its row is. */
#include <errno.h>

#include "base/clock.h"
#include "store/report_query.h"

/* Keys that an older version stored know the day only. */
static const char sql[] =
    "SELECT e.timestamp, e.received_at, e.processed_at, e.correlation_id, e.data::text"
    " FROM event_keys k CROSS JOIN LATERAL (SELECT * FROM processed_events"
    " WHERE timestamp >= coalesce(k.event_at, utc_day(k.event_day))"
    " AND timestamp <= coalesce(k.event_at, utc_day(k.event_day + 1) - interval '1 microsecond')"
    " AND timestamp >= " REPORT_RETAINED_FROM " AND event_key = k.event_key LIMIT 1) e"
    " WHERE k.event_key = $1::uuid";

enum column { TIMESTAMP, RECEIVED_AT, PROCESSED_AT, CORRELATION_ID, DATA };

static void write_answer(struct json_out *j, const struct report_filter *f, const PGresult *rows)
{
    json_object(j);
    json_key(j, "source");
    json_str(j, report_source_name(f));
    json_key(j, "eventId");
    json_string(j, f->id);
    report_write_time(j, "timestamp", rows, 0, TIMESTAMP);
    report_write_time(j, "receivedAt", rows, 0, RECEIVED_AT);
    report_write_time(j, "processedAt", rows, 0, PROCESSED_AT);
    json_key(j, "correlationId");
    json_string(j, report_text(rows, 0, CORRELATION_ID));
    json_key(j, "event");
    json_raw(j, report_text(rows, 0, DATA));
    json_object_end(j);
}

static int ask(struct db *db, const struct report_filter *f, struct pg_call *call,
               struct strbuf *err)
{
    struct event_key key;

    event_key_of((enum event_source)f->source, f->id, &key);
    pg_param_binary(&call->params, PG_UUID, span_of(key.bytes, EVENT_KEY_BYTES));
    return pg_call_all(db, call, 1, err);
}

int report_event(struct db *db, const struct report_filter *f, struct strbuf *out,
                 struct strbuf *err)
{
    struct pg_call call = { .sql = sql, .params.binary_results = true };
    struct json_out j;
    int r = ask(db, f, &call, err);

    if (r == 0 && PQntuples(call.result) == 0) {
        strbuf_setf(err, "no such event is stored");
        r = -ENOENT;
    }
    if (r == 0) {
        json_out_init(&j, out);
        write_answer(&j, f, call.result);
        r = report_done(out, err);
    }
    pg_calls_clear(&call, 1);
    return r;
}
