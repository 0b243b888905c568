/*
 * What one process said of itself on /metrics at one moment, as far as top shows it, by source of
 * events. Pure: takes text, keeps numbers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "event/event.h"

/* One more: what no source could be read of, or figures that have none. */
#define READING_SOURCES (SOURCE_COUNT + 1)
#define READING_BUCKETS_MAX 32

enum reading_count {
    READING_ACCEPTED,     /* gateway: valid events received */
    READING_PROCESSED,    /* gateway: events that JetStream has */
    READING_FAILED,       /* gateway: rejected, or not confirmed by JetStream */
    READING_LETTERS,      /* gateway: dead letters stored */
    READING_COMMITTED,    /* collector: new ones, duplicates and expired ones */
    READING_DUPLICATES,   /* collector */
    READING_EXPIRED,      /* collector */
    READING_DEAD,         /* collector: events that went to the dead letters */
    READING_RETRIES,      /* collector: batches that were stored again */
    READING_REPORTS,      /* reporter: reports generated */
    READING_LOST_REPORTS, /* reporter: reports that failed */
    READING_COUNTS
};

enum reading_gauge {
    READING_PENDING,     /* messages that no collector has yet */
    READING_ACK_PENDING, /* messages that collectors have and have not acked */
    READING_LAG_BYTES,
    READING_LAG_SECONDS,
    READING_STREAM_BYTES,
    READING_STREAM_MAX_BYTES,
    READING_GAUGES
};

/* A histogram: how many were at most `bound`; the last bound is infinite. */
struct reading_delays {
    double bound[READING_BUCKETS_MAX];
    double count[READING_BUCKETS_MAX];
    size_t buckets;
};

struct reading {
    bool known; /* there was a text */
    double started_seconds, cpu_seconds, memory_bytes;
    uint32_t counts_seen[READING_SOURCES]; /* 1 << enum: it has this figure at all */
    uint32_t gauges_seen[READING_SOURCES];
    double count[READING_COUNTS][READING_SOURCES];
    double gauge[READING_GAUGES][READING_SOURCES];
    struct reading_delays delays[READING_SOURCES]; /* from receipt to commit */
};

void reading_take(struct reading *r, struct span exposition);

static inline bool reading_counts(const struct reading *r, enum reading_count count, int source)
{
    return r->counts_seen[source] & 1U << count;
}

static inline bool reading_gauges(const struct reading *r, enum reading_gauge gauge, int source)
{
    return r->gauges_seen[source] & 1U << gauge;
}
