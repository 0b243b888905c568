/* The registry's inside, shared by its three files: counting (metrics.c), the text format
 * (metrics_render.c) and the process' own figures (metrics_process.c). */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "service/metrics.h"

/* Threads share the slots round-robin; more threads than slots only cost speed. */
#define METRIC_SLOTS 8
#define CACHE_LINE 64

struct metric_counter {
    struct {
        alignas(CACHE_LINE) _Atomic uint64_t value;
    } slots[METRIC_SLOTS];
};

struct metric_gauge {
    _Atomic uint64_t bits; /* of a double */
};

struct histogram_slot {
    alignas(CACHE_LINE) _Atomic uint64_t sum_bits; /* of a double */
    _Atomic uint64_t buckets[];                    /* bound_count + 1, each for itself */
};

struct metric_histogram {
    double *bounds;
    size_t bound_count;
    size_t stride; /* bytes from slot to slot */
    char *slots;
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct series {
    struct series *next;
    char *labels;        /* NULL = none */
    metric_read_fn read; /* not NULL: the value is asked for at scrape time */
    void *ctx;
    union {
        struct metric_counter counter;
        struct metric_gauge gauge;
        struct metric_histogram histogram;
    };
};

struct family {
    struct family *next;
    char *name, *help;
    enum metric_type type;
    struct series *series, **series_end;
};

struct metrics {
    struct family *families, **families_end;
};

/* A histogram summed over its slots. */
struct histogram_sum {
    uint64_t count;
    double sum;
};
uint64_t histogram_bucket(const struct metric_histogram *h, size_t bucket);
struct histogram_sum histogram_total(const struct metric_histogram *h);

/* The present value of a counter's or gauge's series. */
double series_value(const struct family *f, const struct series *s);
