/* SIGINT and SIGTERM of a command that works in steps: the first one asks it to stop after the step
 * it is at, the second one ends the process at once. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/macros.h"

struct stopper {
    pthread_t thread;
    _Atomic bool asked, ended;
};

/* MUST be called before any other thread runs. 0 or -errno. */
int stopper_start(struct stopper *s) MUST_CHECK;
void stopper_end(struct stopper *s);
bool stopper_asked(struct stopper *s);
