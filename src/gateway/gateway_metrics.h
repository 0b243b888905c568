/*
 * The gateway's metrics, all registered at start so that every series exists from the first scrape.
 * Counting is allowed on any thread.
 *
 * accepted = valid events received; processed = acked by JetStream; failed{reason} = rejected, or
 * not acked (then the reason is the code of the 503).
 */
#pragma once

#include <stdint.h>

#include "gateway/failure.h"
#include "gateway/lane.h"
#include "service/metrics.h"

/* Why the gateway itself rejects, beside the reasons of event/decode.h. */
#define REASON_UNREADABLE "unreadable"
/* A word that the table does not know is counted as this. */
#define REASON_OTHER "other"

#define REASON_COUNT_MAX 32

enum request_outcome {
    REQUEST_ACCEPTED, /* all events */
    REQUEST_PARTIAL,  /* some events */
    REQUEST_REJECTED, /* 4xx */
    REQUEST_FAILED,   /* 503 */
    REQUEST_ABORTED,  /* nobody was left to be answered */
    REQUEST_OUTCOME_COUNT
};

/* A source or stage that could not be read has the number behind the last. */
#define SOURCE_UNKNOWN SOURCE_COUNT
#define STAGE_UNKNOWN STAGE_COUNT

struct gateway_metrics {
    struct metric_counter *accepted[LANE_COUNT];
    struct metric_counter *processed[LANE_COUNT];
    struct metric_counter *duplicates[LANE_COUNT];
    struct metric_counter *failed[SOURCE_COUNT + 1][STAGE_COUNT + 1][REASON_COUNT_MAX];
    struct metric_counter *dead_letters[2]; /* events, unreadable bodies */
    struct metric_counter *requests[REQUEST_OUTCOME_COUNT];
    struct metric_histogram *request_seconds;
    struct metric_histogram *request_events;
    struct metric_histogram *batch_events;
    struct metric_histogram *batch_bytes;
    struct metric_histogram *ack_seconds;
};

void gateway_metrics_init(struct gateway_metrics *gm, struct metrics *m);

/* source, stage: of the enums, or anything else for unknown. */
void gateway_metrics_failed(struct gateway_metrics *gm, int source, int stage, const char *reason,
                            uint64_t events);
void gateway_metrics_lane_failed(struct gateway_metrics *gm, int lane, enum failure failure,
                                 uint64_t events);
