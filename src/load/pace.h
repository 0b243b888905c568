/*
 * How many events are due by now: a steady rate, or one that swings as traffic does. A function of
 * the time since the start, so that no error adds up.
 */
#pragma once

#include <stdint.h>

struct pace {
    double low, high;      /* events/s; the same for a steady rate; 0 and 0: no limit */
    uint64_t started_usec; /* monotonic */
    uint64_t forgiven;     /* events that a stall let fall */
};

#define PACE_PERIOD_USEC UINT64_C(60000000) /* of one swing from low over high to low */

void pace_start(struct pace *p, double low, double high, uint64_t now_usec);

/* Events due from the start until now, UINT64_MAX without a limit. */
uint64_t pace_due(const struct pace *p, uint64_t now_usec);

/* Events/s now; 0 without a limit. */
double pace_rate(const struct pace *p, uint64_t now_usec);

/* After a stall: lets all but `backlog` of the events fall that are due and not among the `sent`.
 * What was late would otherwise come as a burst that no rate was asked for. */
void pace_forgive(struct pace *p, uint64_t now_usec, uint64_t sent, uint64_t backlog);
