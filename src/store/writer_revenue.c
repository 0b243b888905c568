/* Revenue events into revenue_transactions, the amount as PostgreSQL's own decimal. */
#include "store/writer_internal.h"

static const char copy_sql[] =
    "COPY revenue_transactions (event_key, timestamp, event_id, source, event_type, user_id,"
    " campaign_id, currency, amount) FROM STDIN (FORMAT binary)";

#define COLUMNS 9
#define FIXED_BYTES (EVENT_KEY_BYTES + 2 * 32 + 4 + NUMERIC_BYTES_MAX)

/* Digits of a numeric are base 10000, most significant first (numeric_recv() in
 * src/backend/utils/adt/numeric.c). Hundredths: up to four groups before the point, one behind it.
 */
#define NUMERIC_GROUPS_MAX 6
#define NUMERIC_BYTES_MAX (8 + 2 * NUMERIC_GROUPS_MAX)

static void field_money(struct strbuf *sb, int64_t cents)
{
    int16_t groups[NUMERIC_GROUPS_MAX];
    uint64_t whole = (uint64_t)cents / 100;
    size_t at = NUMERIC_GROUPS_MAX, before;

    groups[--at] = (int16_t)(cents % 100 * 100);
    for (; whole; whole /= 10000)
        groups[--at] = (int16_t)(whole % 10000);
    before = NUMERIC_GROUPS_MAX - 1 - at;
    wire_put_i32(sb, (int32_t)(8 + 2 * (before + 1)));
    wire_put_i16(sb, (int16_t)(before + 1));
    wire_put_i16(sb, (int16_t)((int)before - 1)); /* weight of the first group */
    wire_put_i16(sb, 0);                          /* sign: positive */
    wire_put_i16(sb, 2);                          /* digits behind the point */
    for (; at < NUMERIC_GROUPS_MAX; at++)
        wire_put_i16(sb, groups[at]);
}

static size_t row_bytes(const struct event *ev)
{
    return FIXED_BYTES + ev->event_id.len + ev->user.user_id.len + ev->engagement.campaign_id.len;
}

static void put_row(struct strbuf *sb, const struct store_event *se)
{
    const struct event *ev = &se->event;
    const struct event_engagement *en = &ev->engagement;

    wire_field_bytes(sb, se->key.bytes, EVENT_KEY_BYTES);
    wire_field_timestamp(sb, ev->timestamp_usec);
    wire_field_text(sb, ev->event_id);
    wire_field_text(sb, span_str(event_source_names[ev->source]));
    wire_field_text(sb, span_str(event_type_names[ev->type]));
    wire_field_text(sb, ev->user.user_id);
    wire_field_text(sb, event_campaign(ev));
    wire_field_text(sb, span_str(en->currency));
    field_money(sb, en->has_amount ? en->amount_cents : 0);
}

int revenue_copy(struct write_job *job, struct strbuf *err)
{
    struct pg_copy *copy = &job->w->copy;
    bool open = false;
    int r = 0;

    for (size_t i = 0; r == 0 && i < job->fresh_count; i++) {
        const struct store_event *se = job_event(job, i);
        if (!event_is_revenue(&se->event) || se->has_revenue)
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
