/*
 * What the roles have counted, for the line of counts: read from their /metrics, continued across
 * their restarts.
 */
#pragma once

#include <stdint.h>

#include "base/span.h"

enum count {
    COUNT_ACCEPTED,
    COUNT_PROCESSED,
    COUNT_FAILED,
    COUNT_STORED,
    COUNT_DUPLICATES,
    COUNT_EXPIRED,
    COUNT_COUNT
};

/* Of one process and those that took its place. */
struct counts {
    uint64_t before[COUNT_COUNT]; /* of the processes before the present one */
    uint64_t now[COUNT_COUNT];
};

/* Takes in an exposition in the Prometheus text format. */
void counts_take(struct counts *c, struct span exposition);
static inline uint64_t counts_of(const struct counts *c, enum count count)
{
    return c->before[count] + c->now[count];
}
