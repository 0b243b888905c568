/* New events into processed_events. */
#include "store/writer_internal.h"

static const char copy_sql[] =
    "COPY processed_events (event_key, timestamp, received_at, event_id, source, funnel_stage,"
    " event_type, user_id, campaign_id, correlation_id, data) FROM STDIN (FORMAT binary)";

#define COLUMNS 11
/* The key and the names of the enums, the longest of which has 17 bytes. */
#define FIXED_BYTES (EVENT_KEY_BYTES + 3 * 32)

static size_t row_bytes(const struct store_event *se)
{
    const struct event *ev = &se->event;

    return FIXED_BYTES + ev->event_id.len + ev->user.user_id.len + ev->engagement.campaign_id.len +
           se->correlation_id.len + ev->raw.len;
}

static void put_row(struct strbuf *sb, const struct store_event *se)
{
    const struct event *ev = &se->event;

    wire_field_bytes(sb, se->key.bytes, EVENT_KEY_BYTES);
    wire_field_timestamp(sb, ev->timestamp_usec);
    wire_field_timestamp(sb, se->received_usec);
    wire_field_text(sb, ev->event_id);
    wire_field_text(sb, span_str(event_source_names[ev->source]));
    wire_field_text(sb, span_str(event_stage_names[ev->stage]));
    wire_field_text(sb, span_str(event_type_names[ev->type]));
    wire_field_text(sb, ev->user.user_id);
    wire_field_text(sb, event_campaign(ev));
    wire_field_text(sb, se->correlation_id);
    wire_field_text(sb, ev->raw);
}

int events_copy(struct write_job *job, struct strbuf *err)
{
    struct pg_copy *copy = &job->w->copy;
    int r = pg_copy_begin(copy, job->w->db, copy_sql, err);

    for (size_t i = 0; r == 0 && i < job->fresh_count; i++) {
        const struct store_event *se = job_event(job, i);
        r = pg_copy_row(copy, COLUMNS, row_bytes(se), err);
        if (r == 0)
            put_row(&copy->buf, se);
    }
    return r == 0 ? pg_copy_end(copy, err) : r;
}
