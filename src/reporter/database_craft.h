/* Reports from the database: for a pool whose threads have a connection each. */
#pragma once

#include <stdint.h>

#include "reporter/pool.h"

struct database_craft_options {
    const char *database_url;   /* connected to at the first report */
    uint64_t timeout_usec;      /* of one report */
    struct report_cache *cache; /* of all connections; borrowed, NULL = none */
};

extern const struct pool_craft database_craft;
