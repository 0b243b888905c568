/*
 * Takes samples in a thread of its own, so that a process that does not answer never makes keys
 * wait. The newest sample is handed over; one that nobody took is replaced.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "admin/top/sample.h"
#include "base/macros.h"

struct sampler {
    const struct sample_options *options; /* borrowed */
    uint64_t interval_usec;
    int event_fd; /* readable: there is a new sample */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, hurry;
    struct sample *ready; /* owned; NULL = taken */
};

/* Blocked signals stay blocked in the thread. -errno. */
int sampler_start(struct sampler *s, const struct sample_options *options,
                  uint64_t interval_usec) MUST_CHECK;
/* False when it is in the midst of something and could not be waited for: it may use *s and
 * *options as long as the process lives. */
bool sampler_stop(struct sampler *s) MUST_CHECK;

/* The newest sample, to be freed with free(); NULL when there is none that was not taken. */
struct sample *sampler_take(struct sampler *s);
/* Looks at once. */
void sampler_hurry(struct sampler *s);
