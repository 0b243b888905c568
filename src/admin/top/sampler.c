#include "admin/top/sampler.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define STOP_PATIENCE_USEC (UINT64_C(300) * USEC_PER_MSEC)

static struct timespec from_now(clockid_t clock, uint64_t usec)
{
    struct timespec at = { 0 };

    (void)clock_gettime(clock, &at);
    at.tv_sec += (time_t)(usec / USEC_PER_SEC);
    at.tv_nsec += (long)(usec % USEC_PER_SEC) * 1000;
    if (at.tv_nsec >= NSEC_PER_SEC) {
        at.tv_sec++;
        at.tv_nsec -= NSEC_PER_SEC;
    }
    return at;
}

static void hand_over(struct sampler *s, const struct sample *sample)
{
    struct sample *copy = malloc(sizeof(*copy));

    if (!copy)
        return;
    *copy = *sample;
    (void)pthread_mutex_lock(&s->lock);
    free(s->ready);
    s->ready = copy;
    (void)pthread_mutex_unlock(&s->lock);
    (void)eventfd_write(s->event_fd, 1);
}

/* False when it is time to stop. */
static bool wait_for_next(struct sampler *s)
{
    struct timespec until = from_now(CLOCK_MONOTONIC, s->interval_usec);
    int r = 0;
    bool stop;

    (void)pthread_mutex_lock(&s->lock);
    while (!s->stop && !s->hurry && r == 0)
        r = pthread_cond_timedwait(&s->wake, &s->lock, &until);
    s->hurry = false;
    stop = s->stop;
    (void)pthread_mutex_unlock(&s->lock);
    return !stop;
}

static void *run(void *sampler)
{
    struct sampler *s = sampler;
    struct sample *before = calloc(1, sizeof(*before)), *now = calloc(1, sizeof(*now));

    if (before && now)
        do {
            struct sample *swap = before;

            sample_take(s->options, before, now);
            hand_over(s, now);
            before = now;
            now = swap;
        } while (wait_for_next(s));
    free(before);
    free(now);
    return NULL;
}

int sampler_start(struct sampler *s, const struct sample_options *options, uint64_t interval_usec)
{
    pthread_condattr_t attr;
    int r;

    *s = (struct sampler){ .options = options, .interval_usec = interval_usec };
    s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->event_fd < 0)
        return -errno;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    r = pthread_create(&s->thread, NULL, run, s);
    if (r)
        (void)close(s->event_fd);
    return -r;
}

bool sampler_stop(struct sampler *s)
{
    struct timespec until;

    (void)pthread_mutex_lock(&s->lock);
    s->stop = true;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
    until = from_now(CLOCK_REALTIME, STOP_PATIENCE_USEC);
    if (pthread_timedjoin_np(s->thread, NULL, &until) != 0)
        return false;
    free(s->ready);
    (void)close(s->event_fd);
    (void)pthread_cond_destroy(&s->wake);
    (void)pthread_mutex_destroy(&s->lock);
    return true;
}

struct sample *sampler_take(struct sampler *s)
{
    struct sample *sample;
    eventfd_t ignored;

    (void)eventfd_read(s->event_fd, &ignored);
    (void)pthread_mutex_lock(&s->lock);
    sample = TAKE_PTR(s->ready);
    (void)pthread_mutex_unlock(&s->lock);
    return sample;
}

void sampler_hurry(struct sampler *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->hurry = true;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
}
