/*
 * Freshness: from the answer to a POST until a report counts the event. A probe is one event at a
 * moment that nothing else has (a microsecond of its own in a past day); the report is asked for
 * just that moment until it answers 1.
 */
#pragma once

#include "admin/bench/bench.h"
#include "admin/bench/load.h"

/* Sets freshness.p50, freshness.p99 and ack.p99_loaded. Runs for b->seconds beside the load. */
int freshness_measure(struct bench *b, struct load *load, struct strbuf *err) MUST_CHECK;
