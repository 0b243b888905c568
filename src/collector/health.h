/* What is known of a dependency: when it last answered and why it did not since. Thread-safe. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"

struct health {
    pthread_mutex_t lock;
    uint64_t answered_usec; /* monotonic; 0 = not, or not since it failed */
    char problem[256];      /* for a person */
};

int health_init(struct health *h, const char *problem) MUST_CHECK;
void health_release(struct health *h);

/* Both return whether that is a change. */
bool health_good(struct health *h);
bool health_bad(struct health *h, const char *problem);
/* Whether it answered within max_age; if not, why in *err (unless NULL). */
bool health_is_good(struct health *h, uint64_t max_age_usec, struct strbuf *err);
