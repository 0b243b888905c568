/*
 * Metrics in the Prometheus text format
 * (https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4). All families of a
 * process are registered at start, before threads run; after that only values change. Counting is
 * lock-free: each thread adds to its own slot, a scrape sums them.
 *
 * Handles are owned by the registry and valid as long as it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"

struct metrics;
struct metric_counter;
struct metric_gauge;
struct metric_histogram;

struct metrics *metrics_new(void);
struct metrics *metrics_free(struct metrics *m);
DEFINE_CLEANUP(struct metrics *, metrics_free)

/* One series of a family; registering the same name again adds a series with other labels. `labels`
 * is the text between the braces, `source="facebook",funnel_stage="top"`, or NULL. Registration
 * aborts the process on a programming error (same series twice, a counter not ending in _total) or
 * no memory: it happens at start only. */
struct metric_counter *metrics_counter(struct metrics *m, const char *name, const char *help,
                                       const char *labels);
struct metric_gauge *metrics_gauge(struct metrics *m, const char *name, const char *help,
                                   const char *labels);
/* bounds: ascending upper bounds, in the unit of the name (seconds, bytes, events). */
struct metric_histogram *metrics_histogram(struct metrics *m, const char *name, const char *help,
                                           const char *labels, const double *bounds, size_t count);
/* Values read at scrape time; the function MUST be thread-safe and quick. */
typedef double (*metric_read_fn)(void *ctx);
void metrics_gauge_fn(struct metrics *m, const char *name, const char *help, const char *labels,
                      metric_read_fn read, void *ctx);
void metrics_counter_fn(struct metrics *m, const char *name, const char *help, const char *labels,
                        metric_read_fn read, void *ctx);

/* Any thread. */
void metric_add(struct metric_counter *c, uint64_t n);
void metric_set(struct metric_gauge *g, double value);
void metric_observe(struct metric_histogram *h, double value);
uint64_t metric_counter_value(const struct metric_counter *c);

/* Standard bounds of latencies in seconds: 0.5 ms to 10 s. */
extern const double metrics_latency_bounds[];
extern const size_t metrics_latency_bounds_count;

/* process_* (CPU, memory, descriptors, start time), sluice_filesystem_* (of the working directory)
 * and sluice_build_info{version,role}. */
void metrics_add_process(struct metrics *m, const char *role);

/* The whole exposition. */
int metrics_render(struct metrics *m, struct strbuf *out) MUST_CHECK;

/* Each counter and gauge series with its present value (histograms: _count and _sum). `series` is
 * the name with labels. */
typedef void (*metrics_each_fn)(void *ctx, const char *series, double value);
void metrics_each(struct metrics *m, metrics_each_fn fn, void *ctx);
