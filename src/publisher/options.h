/* The publisher's flags. */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "service/settings.h"

struct publisher_options {
    double rate_low, rate_high; /* events/s; both 0: as fast as the gateway answers */
    uint32_t batch;             /* events of a request */
    double corrupt;             /* share of requests that carry one corrupt event */
    double duplicates;          /* share of events that repeat an earlier one */
    uint32_t users;
    uint32_t campaigns;
    uint64_t seed;
    int64_t start_usec; /* of the timestamps; 0: they follow the clock */
    uint64_t count;     /* events in all; 0 = until told to stop */
    uint32_t connections;
};

/* Fills settings and options from the command line. As settings_load(). */
int publisher_options_load(struct publisher_options *o, struct settings *settings, int argc,
                           char **argv, struct strbuf *err) MUST_CHECK;
