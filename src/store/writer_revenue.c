/* Revenue events into revenue_transactions, the amount as PostgreSQL's own decimal. */
#include "store/cents.h"
#include "store/writer_internal.h"

static const char copy_sql[] =
    "COPY revenue_transactions (event_key, timestamp, event_id, source, event_type, user_id,"
    " campaign_id, currency, amount) FROM STDIN (FORMAT binary)";

#define COLUMNS 9
#define FIXED_BYTES (EVENT_KEY_BYTES + 2 * 32 + 4 + CENTS_BYTES_MAX)

static size_t row_bytes(const struct event *ev)
{
    return FIXED_BYTES + ev->event_id.len + ev->user.user_id.len + ev->engagement.campaign_id.len;
}

static void put_row(struct strbuf *sb, const struct store_event *se)
{
    const struct event *ev = &se->event;

    wire_field_bytes(sb, se->key.bytes, EVENT_KEY_BYTES);
    wire_field_timestamp(sb, ev->timestamp_usec);
    wire_field_text(sb, ev->event_id);
    wire_field_text(sb, span_str(event_source_names[ev->source]));
    wire_field_text(sb, span_str(event_type_names[ev->type]));
    wire_field_text(sb, ev->user.user_id);
    wire_field_text(sb, event_campaign(ev));
    wire_field_text(sb, span_str(ev->engagement.currency));
    wire_field_cents(sb, event_cents(ev));
}

int revenue_copy(struct write_job *job, struct strbuf *err)
{
    struct pg_copy *copy = &job->w->copy;
    bool open = false;
    int r = 0;

    for (size_t i = 0; r == 0 && i < job->fresh_count; i++) {
        const struct store_event *se = job_event(job, i);
        if (!brings_revenue(se))
            continue;
        if (!open)
            r = pg_copy_begin(copy, job->w->db, copy_sql, err);
        open = true;
        if (r == 0)
            r = pg_copy_row(copy, COLUMNS, row_bytes(&se->event), err);
        if (r == 0)
            put_row(&copy->buf, se);
    }
    return r == 0 && open ? pg_copy_end(copy, err) : r;
}
