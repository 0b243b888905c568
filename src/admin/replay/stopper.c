#include "admin/replay/stopper.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void stop_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
}

static void *listen(void *stopper)
{
    struct stopper *s = stopper;
    sigset_t set;
    int signo;

    stop_signals(&set);
    for (;;) {
        if (sigwait(&set, &signo) != 0)
            continue;
        if (atomic_load(&s->ended))
            return NULL;
        if (atomic_exchange(&s->asked, true))
            _exit(128 + signo);
        fputs("\nstopping after this batch; once more to stop at once\n", stderr);
    }
}

int stopper_start(struct stopper *s)
{
    sigset_t set;
    int r;

    atomic_init(&s->asked, false);
    atomic_init(&s->ended, false);
    stop_signals(&set);
    r = pthread_sigmask(SIG_BLOCK, &set, NULL);
    return r ? -r : -pthread_create(&s->thread, NULL, listen, s);
}

void stopper_end(struct stopper *s)
{
    atomic_store(&s->ended, true);
    (void)pthread_kill(s->thread, SIGINT); /* it waits for that */
    (void)pthread_join(s->thread, NULL);
}

bool stopper_asked(struct stopper *s)
{
    return atomic_load(&s->asked);
}
