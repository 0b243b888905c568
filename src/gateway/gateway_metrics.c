#include "gateway/gateway_metrics.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"

/* The words of event/decode.h, then our own. REASON_OTHER stays the last. */
static const char *const own_reasons[] = {
    "invalid_json", "too_large",     "missing_field", "wrong_type",      "bad_format",
    "out_of_range", "unknown_value", "duplicate_key", REASON_UNREADABLE, REASON_OTHER,
};
#define OWN_REASONS ARRAY_SIZE(own_reasons)
#define REASONS (OWN_REASONS + FAILURE_COUNT - 1)
_Static_assert(REASONS <= REASON_COUNT_MAX, "room for every reason");

static const char *const outcome_names[REQUEST_OUTCOME_COUNT] = {
    [REQUEST_ACCEPTED] = "accepted", [REQUEST_PARTIAL] = "partial", [REQUEST_REJECTED] = "rejected",
    [REQUEST_FAILED] = "failed",     [REQUEST_ABORTED] = "aborted",
};

static const double batch_events_bounds[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000 };
static const double request_events_bounds[] = { 1, 10, 100, 1000, 10000, 50000 };
static const double batch_bytes_bounds[] = { 1024, 4096, 16384, 65536, 131072, 262144 };

static const char *reason_name(size_t i)
{
    return i < OWN_REASONS ? own_reasons[i] : failure_texts[i - OWN_REASONS + 1].code;
}

static const char *source_name(int source)
{
    return source == SOURCE_UNKNOWN ? "unknown" : event_source_names[source];
}

static const char *stage_name(int stage)
{
    return stage == STAGE_UNKNOWN ? "unknown" : event_stage_names[stage];
}

static void register_lanes(struct gateway_metrics *gm, struct metrics *m)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        char labels[96];

        (void)snprintf(labels, sizeof(labels), "source=\"%s\",funnel_stage=\"%s\"",
                       source_name((int)lane_source(lane)), stage_name((int)lane_stage(lane)));
        gm->accepted[lane] =
            metrics_counter(m, "gateway_events_accepted_total", "Valid events received", labels);
        gm->processed[lane] = metrics_counter(m, "gateway_events_processed_total",
                                              "Events that JetStream has stored", labels);
        gm->duplicates[lane] =
            metrics_counter(m, "gateway_events_duplicates_total",
                            "Processed events that JetStream had already", labels);
    }
}

static void register_failures(struct gateway_metrics *gm, struct metrics *m)
{
    for (int source = 0; source <= SOURCE_UNKNOWN; source++)
        for (int stage = 0; stage <= STAGE_UNKNOWN; stage++)
            for (size_t i = 0; i < REASONS; i++) {
                char labels[128];

                (void)snprintf(labels, sizeof(labels),
                               "source=\"%s\",funnel_stage=\"%s\",reason=\"%s\"",
                               source_name(source), stage_name(stage), reason_name(i));
                gm->failed[source][stage][i] =
                    metrics_counter(m, "gateway_events_failed_total",
                                    "Events rejected, or not confirmed by JetStream", labels);
            }
}

static void register_requests(struct gateway_metrics *gm, struct metrics *m)
{
    for (int i = 0; i < REQUEST_OUTCOME_COUNT; i++) {
        char labels[48];

        (void)snprintf(labels, sizeof(labels), "outcome=\"%s\"", outcome_names[i]);
        gm->requests[i] = metrics_counter(m, "gateway_requests_total",
                                          "Requests with events, by what became of them", labels);
    }
    gm->request_seconds =
        metrics_histogram(m, "gateway_request_seconds", "From a request's first byte to its answer",
                          NULL, metrics_latency_bounds, metrics_latency_bounds_count);
    gm->request_events =
        metrics_histogram(m, "gateway_request_events", "Events of one request", NULL,
                          request_events_bounds, ARRAY_SIZE(request_events_bounds));
}

static void register_batches(struct gateway_metrics *gm, struct metrics *m)
{
    gm->dead_letters[0] = metrics_counter(m, "gateway_dead_letters_total",
                                          "Dead letters stored by JetStream", "kind=\"event\"");
    gm->dead_letters[1] = metrics_counter(m, "gateway_dead_letters_total",
                                          "Dead letters stored by JetStream", "kind=\"body\"");
    gm->batch_events =
        metrics_histogram(m, "gateway_batch_events", "Events of one JetStream message", NULL,
                          batch_events_bounds, ARRAY_SIZE(batch_events_bounds));
    gm->batch_bytes =
        metrics_histogram(m, "gateway_batch_bytes", "Payload bytes of one JetStream message", NULL,
                          batch_bytes_bounds, ARRAY_SIZE(batch_bytes_bounds));
    gm->ack_seconds = metrics_histogram(m, "gateway_publish_ack_seconds",
                                        "From publishing a message to its outcome", NULL,
                                        metrics_latency_bounds, metrics_latency_bounds_count);
}

void gateway_metrics_init(struct gateway_metrics *gm, struct metrics *m)
{
    register_lanes(gm, m);
    register_failures(gm, m);
    register_requests(gm, m);
    register_batches(gm, m);
}

static size_t reason_of(const char *word)
{
    for (size_t i = 0; i < REASONS; i++)
        if (strcmp(reason_name(i), word) == 0)
            return i;
    return OWN_REASONS - 1;
}

void gateway_metrics_failed(struct gateway_metrics *gm, int source, int stage, const char *reason,
                            uint64_t events)
{
    if (source < 0 || source > SOURCE_UNKNOWN)
        source = SOURCE_UNKNOWN;
    if (stage < 0 || stage > STAGE_UNKNOWN)
        stage = STAGE_UNKNOWN;
    metric_add(gm->failed[source][stage][reason_of(reason)], events);
}

void gateway_metrics_lane_failed(struct gateway_metrics *gm, int lane, enum failure failure,
                                 uint64_t events)
{
    gateway_metrics_failed(gm, (int)lane_source(lane), (int)lane_stage(lane),
                           failure_texts[failure].code, events);
}
