#include "load/pace.h"

#include <math.h>
#include <stdbool.h>

#include "base/clock.h"

/* rate(t) = mean - swing * cos(2 pi t / period); due(t) is its integral. */
static double mean(const struct pace *p)
{
    return (p->low + p->high) / 2;
}

static double swing(const struct pace *p)
{
    return (p->high - p->low) / 2;
}

static bool unlimited(const struct pace *p)
{
    return p->high <= 0;
}

static double seconds_at(const struct pace *p, uint64_t now_usec)
{
    return (double)(now_usec - p->started_usec) / (double)USEC_PER_SEC;
}

static double angular_speed(void)
{
    return 2 * M_PI / ((double)PACE_PERIOD_USEC / (double)USEC_PER_SEC);
}

void pace_start(struct pace *p, double low, double high, uint64_t now_usec)
{
    *p = (struct pace){ .low = low, .high = high, .started_usec = now_usec };
}

uint64_t pace_due(const struct pace *p, uint64_t now_usec)
{
    double t = seconds_at(p, now_usec), w = angular_speed(), due;

    if (unlimited(p))
        return UINT64_MAX;
    due = mean(p) * t - swing(p) / w * sin(w * t) - (double)p->forgiven;
    return due > 0 ? (uint64_t)due : 0;
}

double pace_rate(const struct pace *p, uint64_t now_usec)
{
    return mean(p) - swing(p) * cos(angular_speed() * seconds_at(p, now_usec));
}

void pace_forgive(struct pace *p, uint64_t now_usec, uint64_t sent, uint64_t backlog)
{
    uint64_t due = pace_due(p, now_usec);

    if (!unlimited(p) && due > sent && due - sent > backlog)
        p->forgiven += due - sent - backlog;
}
