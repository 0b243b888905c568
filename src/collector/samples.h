/*
 * Rows of event_metrics: this process's own samples, one set a minute, and those that the gateways
 * send over the bus (stream SERVICE_METRICS, consumer metrics-writer; any collector takes them).
 * Both are lines of {"service","instance","metric","minute","value"}.
 */
#pragma once

#include "collector/context.h"

/* Starts the thread. */
int samples_new(struct collector *c, struct samples **ret_samples, struct strbuf *err) MUST_CHECK;
/* After c->ending was set: stores what waits, once, and ends. NULL is fine. */
struct samples *samples_free(struct samples *s);

/* Takes a sample of all metrics for that minute. Any thread; never waits for the database. */
void samples_take(struct samples *s, int64_t minute_usec);
