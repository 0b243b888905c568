#include "collector/wait.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

int cond_init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    int r;

    r = pthread_condattr_init(&attributes);
    if (r != 0)
        return -r;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    r = pthread_cond_init(cond, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return -r;
}

void cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_usec)
{
    struct timespec until = {
        .tv_sec = (time_t)(deadline_usec / (uint64_t)USEC_PER_SEC),
        .tv_nsec = (long)(deadline_usec % (uint64_t)USEC_PER_SEC) * 1000,
    };

    (void)pthread_cond_timedwait(cond, lock, &until);
}

int halt_init(struct halt *h)
{
    int r = cond_init_monotonic(&h->changed);

    if (r < 0)
        return r;
    r = pthread_mutex_init(&h->lock, NULL);
    if (r != 0)
        (void)pthread_cond_destroy(&h->changed);
    atomic_init(&h->set, false);
    return -r;
}

void halt_release(struct halt *h)
{
    (void)pthread_mutex_destroy(&h->lock);
    (void)pthread_cond_destroy(&h->changed);
}

void halt_set(struct halt *h)
{
    pthread_mutex_lock(&h->lock);
    atomic_store_explicit(&h->set, true, memory_order_release);
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

bool halt_wait(struct halt *h, uint64_t usec)
{
    uint64_t deadline = clock_mono_usec() + usec;

    pthread_mutex_lock(&h->lock);
    while (!halt_is_set(h) && clock_mono_usec() < deadline)
        cond_wait_until(&h->changed, &h->lock, deadline);
    pthread_mutex_unlock(&h->lock);
    return halt_is_set(h);
}

/* xorshift64: jitter needs no better one. */
static uint64_t next_random(struct backoff *b)
{
    uint64_t x = b->random ? b->random : (clock_mono_usec() ^ (uintptr_t)b) | 1;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    b->random = x;
    return x;
}

static uint64_t with_jitter(struct backoff *b)
{
    b->attempts++;
    return b->usec * 3 / 4 + next_random(b) % (b->usec / 2);
}

uint64_t backoff_next(struct backoff *b)
{
    b->usec = b->usec ? MIN(b->usec * 2, BACKOFF_MAX_USEC) : BACKOFF_MIN_USEC;
    return with_jitter(b);
}

uint64_t backoff_slow(struct backoff *b)
{
    b->usec = BACKOFF_MAX_USEC;
    return with_jitter(b);
}

void backoff_reset(struct backoff *b)
{
    b->attempts = 0;
    b->usec = 0;
}
