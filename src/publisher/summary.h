/* What the publisher says of itself: a live line on a terminal, else a log line each ten seconds;
 * the totals at the end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "load/sender.h"

struct summary {
    struct log *log; /* borrowed */
    bool terminal;   /* standard output is one */
    uint64_t started_usec, shown_usec;
    uint64_t shown_events;
};

void summary_start(struct summary *s, struct log *log);
/* Shows the state of things when it is time to. */
void summary_show(struct summary *s, const struct sender *sender);
/* Shows the totals. */
void summary_finish(struct summary *s, const struct sender *sender);
