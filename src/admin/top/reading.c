#include "admin/top/reading.h"

#include <math.h>
#include <string.h>

#include "base/exposition.h"
#include "base/macros.h"
#include "base/number.h"

#define DELAY_FAMILY "store_delay_seconds_bucket"

/* What begins a role's metrics, and whose events they are about where no label says so. */
static const struct {
    struct span prefix;
    int source;
} roles[] = {
    { SPAN("gateway_"), SOURCE_COUNT },
    { SPAN("reporter_"), SOURCE_COUNT },
    { SPAN("fb_collector_"), SOURCE_FACEBOOK },
    { SPAN("ttk_collector_"), SOURCE_TIKTOK },
};

/* The rest of the name. Words that the gateway and the collectors share mean different things. */
static const struct {
    bool collector;
    struct span name;
    enum reading_count count;
} counts[] = {
    { false, SPAN("events_accepted_total"), READING_ACCEPTED },
    { false, SPAN("events_processed_total"), READING_PROCESSED },
    { false, SPAN("events_failed_total"), READING_FAILED },
    { false, SPAN("dead_letters_total"), READING_LETTERS },
    { true, SPAN("events_processed_total"), READING_COMMITTED },
    { true, SPAN("events_duplicates_total"), READING_DUPLICATES },
    { true, SPAN("events_expired_total"), READING_EXPIRED },
    { true, SPAN("events_failed_total"), READING_DEAD },
    { true, SPAN("store_retries_total"), READING_RETRIES },
    { false, SPAN("reports_generated_total"), READING_REPORTS },
    { false, SPAN("reports_failed_total"), READING_LOST_REPORTS },
};

static const struct {
    struct span name;
    enum reading_gauge gauge;
} gauges[] = {
    { SPAN("consumer_pending_messages"), READING_PENDING },
    { SPAN("consumer_ack_pending_messages"), READING_ACK_PENDING },
    { SPAN("consumer_lag_bytes"), READING_LAG_BYTES },
    { SPAN("consumer_lag_seconds"), READING_LAG_SECONDS },
    { SPAN("stream_bytes"), READING_STREAM_BYTES },
    { SPAN("stream_max_bytes"), READING_STREAM_MAX_BYTES },
};

static int source_of(const struct exposition_series *s, int otherwise)
{
    struct span name;
    int source;

    if (!exposition_label(s, SPAN("source"), &name))
        return otherwise;
    source = event_name_find(event_source_names, SOURCE_COUNT, name);
    return source < 0 ? SOURCE_COUNT : source;
}

/* Buckets come in ascending order, as every exposition has them. */
static void add_delay(struct reading_delays *d, const struct exposition_series *s)
{
    double bound = INFINITY;
    struct span le;

    if (d->buckets == READING_BUCKETS_MAX || !exposition_label(s, SPAN("le"), &le) ||
        (!span_eq(le, SPAN("+Inf")) && parse_double(le, &bound) < 0))
        return;
    d->bound[d->buckets] = bound;
    d->count[d->buckets] = s->value;
    d->buckets++;
}

static void add_collector_figure(struct reading *r, const struct exposition_series *s,
                                 struct span name, int source)
{
    for (size_t i = 0; i < ARRAY_SIZE(gauges); i++)
        if (span_eq(name, gauges[i].name)) {
            r->gauge[gauges[i].gauge][source] = s->value;
            r->gauges_seen[source] |= 1U << gauges[i].gauge;
        }
    if (span_eq(name, SPAN(DELAY_FAMILY)))
        add_delay(&r->delays[source], s);
}

static void add_figure(struct reading *r, const struct exposition_series *s, struct span name,
                       int role_source)
{
    bool collector = role_source < SOURCE_COUNT;
    int source = source_of(s, role_source);

    for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
        if (counts[i].collector == collector && span_eq(name, counts[i].name)) {
            r->count[counts[i].count][source] += s->value;
            r->counts_seen[source] |= 1U << counts[i].count;
        }
    if (collector)
        add_collector_figure(r, s, name, source);
}

static void add_series(struct reading *r, const struct exposition_series *s)
{
    if (span_eq(s->family, SPAN("process_cpu_seconds_total")))
        r->cpu_seconds = s->value;
    else if (span_eq(s->family, SPAN("process_resident_memory_bytes")))
        r->memory_bytes = s->value;
    else if (span_eq(s->family, SPAN("process_start_time_seconds")))
        r->started_seconds = s->value;
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
        struct span prefix = roles[i].prefix;

        if (s->family.len > prefix.len && memcmp(s->family.ptr, prefix.ptr, prefix.len) == 0)
            add_figure(r, s, span_of(s->family.ptr + prefix.len, s->family.len - prefix.len),
                       roles[i].source);
    }
}

void reading_take(struct reading *r, struct span exposition)
{
    struct exposition_series series;

    *r = (struct reading){ .known = true };
    while (exposition_next(&exposition, &series))
        add_series(r, &series);
}
