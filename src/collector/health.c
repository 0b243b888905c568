#include "collector/health.h"

#include <stdio.h>

#include "base/clock.h"

int health_init(struct health *h, const char *problem)
{
    *h = (struct health){ 0 };
    (void)snprintf(h->problem, sizeof(h->problem), "%s", problem);
    return -pthread_mutex_init(&h->lock, NULL);
}

void health_release(struct health *h)
{
    (void)pthread_mutex_destroy(&h->lock);
}

bool health_good(struct health *h)
{
    bool was;

    pthread_mutex_lock(&h->lock);
    was = h->answered_usec != 0;
    h->answered_usec = clock_mono_usec();
    pthread_mutex_unlock(&h->lock);
    return !was;
}

bool health_bad(struct health *h, const char *problem)
{
    bool was;

    pthread_mutex_lock(&h->lock);
    was = h->answered_usec != 0;
    h->answered_usec = 0;
    (void)snprintf(h->problem, sizeof(h->problem), "%s", problem);
    pthread_mutex_unlock(&h->lock);
    return was;
}

bool health_is_good(struct health *h, uint64_t max_age_usec, struct strbuf *err)
{
    uint64_t age;
    bool good;

    pthread_mutex_lock(&h->lock);
    age = clock_mono_usec() - h->answered_usec;
    good = h->answered_usec != 0 && age <= max_age_usec;
    if (err && h->answered_usec == 0)
        strbuf_setf(err, "%s", h->problem);
    else if (err && !good)
        strbuf_setf(err, "no answer for %.1f s", (double)age / 1e6);
    pthread_mutex_unlock(&h->lock);
    return good;
}
