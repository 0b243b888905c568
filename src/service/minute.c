#include "service/minute.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define LAG_USEC (200 * USEC_PER_MSEC) /* so that what belongs to the minute has been counted */

struct minute_clock {
    struct service *service;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ending;
};

static int64_t minute_of(int64_t usec)
{
    return usec / USEC_PER_MINUTE * USEC_PER_MINUTE;
}

/* Until the wall clock has passed `usec` (it may be stepped meanwhile: the condition variable waits
 * by the same clock), or the end. */
static bool sleep_until(struct minute_clock *m, int64_t usec)
{
    struct timespec until = {
        .tv_sec = (time_t)(usec / USEC_PER_SEC),
        .tv_nsec = (long)(usec % USEC_PER_SEC * 1000),
    };
    bool ending;

    (void)pthread_mutex_lock(&m->lock);
    while (!m->ending && clock_wall_usec() < usec)
        (void)pthread_cond_timedwait(&m->changed, &m->lock, &until);
    ending = m->ending;
    (void)pthread_mutex_unlock(&m->lock);
    return !ending;
}

static void *run(void *arg)
{
    struct minute_clock *m = arg;
    int64_t minute = minute_of(clock_wall_usec());

    (void)pthread_setname_np(pthread_self(), "minute");
    while (sleep_until(m, minute + USEC_PER_MINUTE + LAG_USEC)) {
        m->service->on_minute(m->service, minute);
        minute = minute_of(clock_wall_usec());
    }
    m->service->on_minute(m->service, minute_of(clock_wall_usec()));
    return NULL;
}

struct minute_clock *minute_clock_new(struct service *s, struct strbuf *err)
{
    struct minute_clock *m = calloc(1, sizeof(*m));
    int r;

    if (!m) {
        strbuf_setf(err, "out of memory");
        return NULL;
    }
    m->service = s;
    (void)pthread_mutex_init(&m->lock, NULL);
    (void)pthread_cond_init(&m->changed, NULL);
    r = pthread_create(&m->thread, NULL, run, m);
    if (r == 0)
        return m;
    strbuf_setf(err, "cannot start the minute thread: %s", strerror(r));
    free(m);
    return NULL;
}

struct minute_clock *minute_clock_free(struct minute_clock *m)
{
    if (!m)
        return NULL;
    (void)pthread_mutex_lock(&m->lock);
    m->ending = true;
    (void)pthread_cond_signal(&m->changed);
    (void)pthread_mutex_unlock(&m->lock);
    (void)pthread_join(m->thread, NULL);
    (void)pthread_cond_destroy(&m->changed);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
    return NULL;
}
