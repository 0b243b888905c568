#include "collector/exchange.h"

#include "base/clock.h"
#include "collector/wait.h"

int exchange_init(struct exchange *x)
{
    int r;

    *x = (struct exchange){ 0 };
    r = cond_init_monotonic(&x->changed);
    if (r < 0)
        return r;
    r = pthread_mutex_init(&x->lock, NULL);
    if (r != 0)
        (void)pthread_cond_destroy(&x->changed);
    return -r;
}

void exchange_release(struct exchange *x)
{
    (void)pthread_mutex_destroy(&x->lock);
    (void)pthread_cond_destroy(&x->changed);
}

static int find(const struct exchange *x, enum slot_state state)
{
    for (int i = 0; i < EXCHANGE_SLOTS; i++)
        if (x->state[i] == state)
            return i;
    return -1;
}

static void set_state(struct exchange *x, int slot, enum slot_state state)
{
    pthread_mutex_lock(&x->lock);
    x->state[slot] = state;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->lock);
}

static void set_flag(struct exchange *x, bool *flag)
{
    pthread_mutex_lock(&x->lock);
    *flag = true;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->lock);
}

int exchange_take_free(struct exchange *x)
{
    int slot = -1;

    pthread_mutex_lock(&x->lock);
    while (!x->interrupted && (slot = find(x, SLOT_FREE)) < 0)
        pthread_cond_wait(&x->changed, &x->lock);
    if (slot >= 0)
        x->state[slot] = SLOT_FILLING;
    pthread_mutex_unlock(&x->lock);
    return slot;
}

void exchange_hand_over(struct exchange *x, int slot)
{
    set_state(x, slot, SLOT_READY);
}

void exchange_return(struct exchange *x, int slot)
{
    set_state(x, slot, SLOT_FREE);
}

static bool writer_idle(const struct exchange *x)
{
    return find(x, SLOT_READY) < 0 && find(x, SLOT_WRITING) < 0;
}

bool exchange_writer_idle(struct exchange *x, uint64_t usec)
{
    uint64_t deadline = clock_mono_usec() + usec;
    bool idle;

    pthread_mutex_lock(&x->lock);
    while (!(idle = writer_idle(x)) && !x->interrupted && clock_mono_usec() < deadline)
        cond_wait_until(&x->changed, &x->lock, deadline);
    pthread_mutex_unlock(&x->lock);
    return idle;
}

void exchange_close(struct exchange *x)
{
    set_flag(x, &x->closed);
}

int exchange_take_ready(struct exchange *x)
{
    int slot;

    pthread_mutex_lock(&x->lock);
    while ((slot = find(x, SLOT_READY)) < 0 && !x->closed)
        pthread_cond_wait(&x->changed, &x->lock);
    if (slot >= 0)
        x->state[slot] = SLOT_WRITING;
    pthread_mutex_unlock(&x->lock);
    return slot;
}

void exchange_done(struct exchange *x, int slot)
{
    set_state(x, slot, SLOT_FREE);
}

void exchange_interrupt(struct exchange *x)
{
    set_flag(x, &x->interrupted);
}
