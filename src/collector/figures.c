#include "collector/figures.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define NAME_MAX_BYTES 160

/* Every reason a dead letter of a collector can have, "other" last: those of event/decode.h and
 * ours. */
static const char *const reasons[] = {
    "invalid_json",     "missing_field",    "duplicate_key", "wrong_type",   "bad_format",
    "out_of_range",     "unknown_value",    "too_large",     "wrong_source", "broken_frame",
    "database_refused", "killed_collector", "other",
};
_Static_assert(ARRAY_SIZE(reasons) <= FIGURES_REASONS_MAX, "room for every reason");

static const double batch_bounds[] = { 1,    10,    100,   500,   1000,  2500,
                                       5000, 10000, 20000, 50000, 100000 };
static const double delay_bounds[] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,  1,
                                       2.5,   5,    10,    30,   60,  300,  1800, 7200 };

struct naming {
    struct figures *f;
    struct metrics *m;
    const struct source *source;
};

struct text {
    char s[NAME_MAX_BYTES];
};

static struct text named(const struct naming *n, const char *suffix)
{
    struct text name;

    (void)snprintf(name.s, sizeof(name.s), "%s_%s", n->source->metric_prefix, suffix);
    return name;
}

static const char *stage_name(int stage)
{
    return stage < STAGE_COUNT ? event_stage_names[stage] : "unknown";
}

static struct text labels(const struct naming *n, int stage, const char *reason)
{
    struct text t;
    int len = snprintf(t.s, sizeof(t.s), "source=\"%s\",funnel_stage=\"%s\"", n->source->name,
                       stage_name(stage));

    if (reason)
        (void)snprintf(t.s + len, sizeof(t.s) - (size_t)len, ",reason=\"%s\"", reason);
    return t;
}

static void by_stage(const struct naming *n, struct metric_counter *counters[STAGE_COUNT],
                     const char *suffix, const char *help)
{
    for (int stage = 0; stage < STAGE_COUNT; stage++)
        counters[stage] = metrics_counter(n->m, named(n, suffix).s, help, labels(n, stage, NULL).s);
}

static void register_events(const struct naming *n)
{
    struct figures *f = n->f;
    const struct text failed = named(n, "events_failed_total");

    by_stage(n, f->accepted, "events_accepted_total",
             "Valid events received from the stream, those delivered again included.");
    by_stage(n, f->processed, "events_processed_total",
             "Events whose transaction was committed: new ones, duplicates and expired ones.");
    by_stage(
        n, f->duplicates, "events_duplicates_total",
        "Processed events that were stored before, those of messages delivered again included.");
    by_stage(n, f->conflicts, "events_conflicts_total",
             "Duplicates whose payload differs from the stored event.");
    by_stage(n, f->expired, "events_expired_total",
             "Processed events that were older than what is retained.");
    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
        for (int stage = 0; stage < FIGURES_STAGES; stage++)
            f->failed[i][stage] =
                metrics_counter(n->m, failed.s, "Events that went to the dead-letter stream.",
                                labels(n, stage, reasons[i]).s);
}

static void register_batches(const struct naming *n)
{
    struct figures *f = n->f;

    f->messages = metrics_counter(n->m, named(n, "messages_total").s,
                                  "JetStream messages committed, each with its events.", NULL);
    f->messages_seen = metrics_counter(
        n->m, named(n, "messages_seen_total").s,
        "Messages delivered again after they had been stored: the ledger knew them.", NULL);
    f->retries = metrics_counter(n->m, named(n, "store_retries_total").s,
                                 "Attempts to store a batch that failed and were repeated.", NULL);
    f->samples_lost = metrics_counter(
        n->m, named(n, "metric_samples_lost_total").s,
        "Own minute samples that were dropped, because the database was away for too long.", NULL);
    f->batch_events =
        metrics_histogram(n->m, named(n, "batch_events").s, "Events of one transaction.", NULL,
                          batch_bounds, ARRAY_SIZE(batch_bounds));
    f->batch_messages = metrics_histogram(n->m, named(n, "batch_messages").s,
                                          "JetStream messages of one transaction.", NULL,
                                          batch_bounds, ARRAY_SIZE(batch_bounds));
    f->fetch_seconds =
        metrics_histogram(n->m, named(n, "jetstream_fetch_seconds").s,
                          "From the first message of a batch to the last: pulling and decoding.",
                          NULL, metrics_latency_bounds, metrics_latency_bounds_count);
    f->commit_seconds =
        metrics_histogram(n->m, named(n, "postgres_commit_seconds").s,
                          "One transaction, from its first statement to its commit.", NULL,
                          metrics_latency_bounds, metrics_latency_bounds_count);
    f->delay_seconds =
        metrics_histogram(n->m, named(n, "store_delay_seconds").s,
                          "From the gateway's receipt of a request to the commit of its events.",
                          NULL, delay_bounds, ARRAY_SIZE(delay_bounds));
}

static void register_lag(const struct naming *n)
{
    struct figures *f = n->f;

    f->pending = metrics_gauge(n->m, named(n, "consumer_pending_messages").s,
                               "Messages of the stream not delivered to any instance yet.", NULL);
    f->ack_pending = metrics_gauge(n->m, named(n, "consumer_ack_pending_messages").s,
                                   "Messages delivered and not acked yet, of all instances.", NULL);
    f->redelivered = metrics_gauge(n->m, named(n, "consumer_redelivered_messages").s,
                                   "Of these, messages delivered more than once.", NULL);
    f->lag_bytes = metrics_gauge(n->m, named(n, "consumer_lag_bytes").s,
                                 "Estimated bytes of the stream that are not processed yet.", NULL);
    f->lag_seconds = metrics_gauge(
        n->m, named(n, "consumer_lag_seconds").s,
        "Age of the message committed last by this instance; 0 when nothing waits.", NULL);
    f->stream_bytes =
        metrics_gauge(n->m, named(n, "stream_bytes").s, "Bytes that the stream holds.", NULL);
    f->stream_max_bytes = metrics_gauge(n->m, named(n, "stream_max_bytes").s,
                                        "Bytes at which the stream refuses more.", NULL);
}

static void register_upkeep(const struct naming *n)
{
    struct figures *f = n->f;

    f->stream_oldest =
        metrics_gauge(n->m, named(n, "stream_oldest_seconds").s,
                      "Age of the stream's first message: how far back a replay reaches.", NULL);
    f->trimmed =
        metrics_counter(n->m, named(n, "stream_trimmed_messages_total").s,
                        "Processed messages that this instance took from the stream.", NULL);
    f->pruned = metrics_counter(n->m, named(n, "ledger_pruned_rows_total").s,
                                "Ledger rows that this instance summed up and deleted.", NULL);
    f->dropped = metrics_counter(n->m, named(n, "retention_dropped_events_total").s,
                                 "Stored events, of any source, that this instance dropped because "
                                 "of RETENTION_DAYS.",
                                 NULL);
    f->merged =
        metrics_counter(n->m, named(n, "cube_deltas_merged_total").s,
                        "Rows of cube_deltas that this instance moved into cube_totals.", NULL);
    f->upkeep_failures = metrics_counter(n->m, named(n, "upkeep_failures_total").s,
                                         "Rounds of upkeep that failed.", NULL);
}

static struct metric_gauge *gauge(const struct naming *n, const char *suffix, const char *help)
{
    return metrics_gauge(n->m, named(n, suffix).s, help, NULL);
}

static void register_servers(const struct naming *n)
{
    struct figures *f = n->f;

    f->database_bytes = gauge(n, "database_size_bytes", "Bytes of the database on its disk.");
    f->connections = gauge(n, "database_connections",
                           "Connections of clients to the database server, of all databases.");
    f->connections_max =
        gauge(n, "database_connections_max", "Connections that the database server allows.");
    f->partition_tomorrow =
        gauge(n, "partition_tomorrow_ready",
              "1 when the partition for the events of the next UTC day is there, else 0.");
    f->jetstream_bytes =
        gauge(n, "jetstream_store_bytes", "Bytes that JetStream stores, of all streams.");
    f->jetstream_max_bytes = gauge(n, "jetstream_store_max_bytes",
                                   "Bytes that JetStream may store; 0 when it tells no limit.");
    f->letters = gauge(n, "dead_letter_stream_messages", "Dead letters in EVENTS_DLQ.");
    f->letter_bytes = gauge(n, "dead_letter_stream_bytes", "Bytes that EVENTS_DLQ holds.");
    f->letter_max_bytes =
        gauge(n, "dead_letter_stream_max_bytes", "Bytes at which EVENTS_DLQ refuses more.");
}

void figures_init(struct figures *f, struct metrics *m, const struct source *source)
{
    const struct naming n = { .f = f, .m = m, .source = source };

    *f = (struct figures){ 0 };
    register_events(&n);
    register_batches(&n);
    register_lag(&n);
    register_upkeep(&n);
    register_servers(&n);
}

void figures_accepted(struct figures *f, const struct work *w, size_t first)
{
    uint64_t counts[STAGE_COUNT] = { 0 };

    for (size_t i = first; i < w->event_count; i++)
        counts[w->events[i].event.stage]++;
    for (int stage = 0; stage < STAGE_COUNT; stage++)
        if (counts[stage])
            metric_add(f->accepted[stage], counts[stage]);
}

static size_t reason_index(const char *reason)
{
    size_t i = 0;

    while (i < ARRAY_SIZE(reasons) - 1 && strcmp(reasons[i], reason) != 0)
        i++;
    return i;
}

/* A message holds events of one stage, which its subject ends with. */
static int stage_of_message(const struct bus_delivery *d)
{
    const char *dot = d ? strrchr(d->subject, '.') : NULL;
    int stage = dot ? event_name_find(event_stage_names, STAGE_COUNT, span_str(dot + 1)) : -1;

    return stage < 0 ? STAGE_TOP : stage;
}

static void count_message(struct figures *f, const struct store_message *m, int stage)
{
    if (m->seen) {
        metric_add(f->messages_seen, 1);
        metric_add(f->duplicates[stage], m->events - m->dead);
        return;
    }
    metric_add(f->duplicates[stage], m->duplicates);
    metric_add(f->conflicts[stage], m->conflicts);
    metric_add(f->expired[stage], m->expired);
}

void figures_committed(struct figures *f, const struct work *w)
{
    uint64_t counts[STAGE_COUNT] = { 0 };
    int64_t now = clock_wall_usec();

    for (size_t i = 0; i < w->event_count; i++)
        if (!w->events[i].dead)
            counts[w->events[i].event.stage]++;
    for (int stage = 0; stage < STAGE_COUNT; stage++)
        metric_add(f->processed[stage], counts[stage]);
    for (size_t i = 0; i < w->message_count; i++)
        count_message(f, &w->messages[i], stage_of_message(w->deliveries[i]));
    for (size_t i = 0; i < w->dead_count; i++) {
        const struct work_dead *dead = &w->dead[i];
        int stage = dead->stage < 0 ? STAGE_COUNT : dead->stage;

        if (!w->messages[dead->message].seen)
            metric_add(f->failed[reason_index(dead->reason)][stage], dead->events);
    }
    for (size_t i = 0; i < w->run_count; i++)
        metric_observe(f->delay_seconds, (double)(now - w->runs[i].received_usec) / 1e6);
    metric_add(f->messages, w->message_count);
    metric_observe(f->batch_events, (double)w->event_count);
    metric_observe(f->batch_messages, (double)w->message_count);
}
