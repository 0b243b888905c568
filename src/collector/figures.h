/* The metrics of a collector: their names, help texts and how a batch counts into them. */
#pragma once

#include "collector/source.h"
#include "ingest/work.h"
#include "service/metrics.h"

#define FIGURES_REASONS_MAX 24
/* Stages of events that are dead: their own, or unknown. */
#define FIGURES_STAGES (STAGE_COUNT + 1)

struct figures {
    struct metric_counter *accepted[STAGE_COUNT];
    struct metric_counter *processed[STAGE_COUNT];
    struct metric_counter *duplicates[STAGE_COUNT];
    struct metric_counter *conflicts[STAGE_COUNT];
    struct metric_counter *expired[STAGE_COUNT];
    struct metric_counter *failed[FIGURES_REASONS_MAX][FIGURES_STAGES];
    struct metric_counter *messages, *messages_seen, *retries, *samples_lost;
    struct metric_histogram *batch_events, *batch_messages;
    struct metric_histogram *fetch_seconds, *commit_seconds, *delay_seconds;
    struct metric_gauge *pending, *ack_pending, *redelivered, *lag_bytes, *lag_seconds;
    struct metric_gauge *stream_bytes, *stream_max_bytes, *stream_oldest;
    struct metric_counter *trimmed, *pruned, *dropped, *merged, *upkeep_failures;
    struct metric_gauge *database_bytes, *connections, *connections_max, *partition_tomorrow;
    struct metric_gauge *jetstream_bytes, *jetstream_max_bytes;
    struct metric_gauge *letters, *letter_bytes, *letter_max_bytes;
};

/* Registers everything. Start only. */
void figures_init(struct figures *f, struct metrics *m, const struct source *source);

/* Events decoded: those of the batch from `first` on. */
void figures_accepted(struct figures *f, const struct work *w, size_t first);
/* A batch was committed; its messages carry the store's counts. Before it is acked. */
void figures_committed(struct figures *f, const struct work *w);
