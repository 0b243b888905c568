/* The person behind an event: a function of the seed, the source and the user's number, so that a
 * user never changes. */
#pragma once

#include <stdint.h>

#include "event/event.h"

struct profile {
    const char *first, *last;
    const char *gender;
    const char *country, *city;
    unsigned age;
    uint64_t followers;
};

/* Strings are constant. */
struct profile profile_of(uint64_t seed, enum event_source source, uint32_t user);
