/*
 * Reads metrics in the Prometheus text format
 * (https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4), series by series,
 * as service/metrics.h writes them. Allocates nothing: what it gives points into the text.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"

struct exposition_series {
    struct span family; /* the metric's name */
    struct span labels; /* what stands between the braces; empty without */
    double value;
};

/* Takes the next series off *rest. Comments, and lines that are no series with a finite value, are
 * passed over. False at the end. */
bool exposition_next(struct span *rest, struct exposition_series *ret);

/* The value of one label, as it is written: escapes stay. False when the series has none of that
 * name. */
bool exposition_label(const struct exposition_series *series, struct span name, struct span *ret);

/* The sum of all series of one metric. */
double exposition_sum(struct span text, struct span family);
