/*
 * The reporter's own rows of event_metrics: every minute each counter and gauge as it stands.
 * Minutes that the database was away for are kept and stored when it is back.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "service/service.h"

struct samples;

/* NULL when out of memory. */
struct samples *reporter_samples_new(struct service *s);
struct samples *reporter_samples_free(struct samples *s);
DEFINE_CLEANUP(struct samples *, reporter_samples_free)

/* On the service's minute thread. */
void reporter_samples_take(struct samples *s, int64_t minute_usec);
