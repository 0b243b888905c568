/* What was sent: the figures that the reports of its window of time must show. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "event/event.h"
#include "load/generator.h"

#define TALLY_USERS 5000 /* of each source */

struct tally {
    uint64_t events;
    uint64_t by_source[SOURCE_COUNT];
    uint64_t by_stage[STAGE_COUNT];
    uint64_t by_type[TYPE_COUNT];
    uint64_t transactions;
    int64_t revenue_cents[SOURCE_COUNT];
    bool seen[SOURCE_COUNT][TALLY_USERS];
};

/* body_event_fn: ctx is the tally. Repeats of earlier events count for nothing. */
void tally_add(void *ctx, const struct generated *event);
uint64_t tally_users(const struct tally *t, enum event_source source);
