/*
 * From a dead letter back to an event's message.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/macros.h"
#include "bus/letter.h"
#include "event/batch.h"
#include "event/decode.h"

struct revival {
    struct event_decoder *decoder;
    struct batch_writer writer;
    struct strbuf bytes; /* the letter's, with padding behind */
};

/* The event as it will be published; strings live until the next revival_of(). */
struct revived {
    char subject[64];
    char
        msg_id[64]; /* requeue/<seq>/<stored_nsec>: of this letter, whoever requeues it how often */
    struct span payload;
};

/* Why a letter stays. */
struct revival_fault {
    const char *pointer, *detail;
};

int revival_init(struct revival *v, uint64_t event_max_bytes) MUST_CHECK;
void revival_release(struct revival *v);

/* 0: *ret is its message. -EBADMSG: it is no valid event, *ret_fault says why. -ENOMEM. */
int revival_of(struct revival *v, const struct letter *letter, int64_t now_usec,
               struct revived *ret, struct revival_fault *ret_fault) MUST_CHECK;
