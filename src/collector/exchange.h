/*
 * The hand-over between the two threads of a worker: two slots, so that one batch is gathered while
 * the other is written. The slots are numbers; what is in them belongs to whoever holds the number.
 *
 *   gatherer: FREE -> FILLING -> READY        writer: READY -> WRITING -> FREE
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

#define EXCHANGE_SLOTS 2

enum slot_state { SLOT_FREE, SLOT_FILLING, SLOT_READY, SLOT_WRITING };

struct exchange {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum slot_state state[EXCHANGE_SLOTS];
    bool interrupted; /* the gatherer shall not wait any more */
    bool closed;      /* nothing will be handed over any more */
};

int exchange_init(struct exchange *x) MUST_CHECK;
void exchange_release(struct exchange *x);

/* Gatherer: a free slot, waited for; -1 once interrupted. */
int exchange_take_free(struct exchange *x);
void exchange_hand_over(struct exchange *x, int slot);
/* Gatherer: gives a slot back that it has nothing for. */
void exchange_return(struct exchange *x, int slot);
/* Gatherer: whether the writer would begin at once with what it is handed; waits up to `usec` for
 * that. An interrupt ends the wait. */
bool exchange_writer_idle(struct exchange *x, uint64_t usec);
void exchange_close(struct exchange *x);

/* Writer: a slot handed over, waited for; -1 once closed and empty. */
int exchange_take_ready(struct exchange *x);
void exchange_done(struct exchange *x, int slot);

/* Any thread. */
void exchange_interrupt(struct exchange *x);
