/*
 * Latencies in microseconds, kept in buckets of 1/64 of their magnitude, so that any percentile is
 * right to 1.6 % with no list of samples. Not thread-safe.
 */
#pragma once

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_BUCKETS (48 << HISTOGRAM_SUB_BITS)

struct histogram {
    uint64_t count;
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t usec);
/* The smallest value that `share` (0 to 1) of the samples do not pass; 0 without samples. */
uint64_t histogram_percentile(const struct histogram *h, double share);
