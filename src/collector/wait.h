/*
 * Waiting that a stop ends at once: a flag with a condition behind it, and delays that grow while
 * something stays away (0.1 s to 5 s, with jitter, so that many writers do not come back in step).
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

/* A condition variable whose deadlines are monotonic. */
int cond_init_monotonic(pthread_cond_t *cond) MUST_CHECK;
/* Waits for a signal or until the deadline. The caller holds the lock. */
void cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_usec);

/* Set once, for ever. Thread-safe. */
struct halt {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic bool set;
};

int halt_init(struct halt *h) MUST_CHECK;
void halt_release(struct halt *h);
void halt_set(struct halt *h);
static inline bool halt_is_set(struct halt *h)
{
    return atomic_load_explicit(&h->set, memory_order_acquire);
}
/* Sleeps for that long; true, and at once, when the halt is set. */
bool halt_wait(struct halt *h, uint64_t usec);

#define BACKOFF_MIN_USEC UINT64_C(100000)
#define BACKOFF_MAX_USEC UINT64_C(5000000)

/* Owned by one thread. All zero is a fresh one. */
struct backoff {
    uint32_t attempts; /* failures in a row */
    uint64_t usec;     /* the last delay before jitter */
    uint64_t random;
};

/* Counts a failure and yields the delay before the next attempt: doubling, plus or minus a quarter.
 */
uint64_t backoff_next(struct backoff *b);
/* For what only a person can mend: the longest delay from the first time on. */
uint64_t backoff_slow(struct backoff *b);
void backoff_reset(struct backoff *b);
