/*
 * Why a request could not be finished although nothing is wrong with it: the answer is 503 and the
 * client sends it again. In ascending order of what a person should hear first.
 */
#pragma once

#include "bus/publisher.h"

enum failure {
    FAILURE_NONE,
    FAILURE_OVERLOADED, /* a queue of ours is full */
    FAILURE_MEMORY,
    FAILURE_CANCELLED,   /* the client has gone or the deadline passed */
    FAILURE_UNAVAILABLE, /* no connection, no stream, or the server refused */
    FAILURE_ACK_TIMEOUT, /* sent, no ack: it may be stored */
    FAILURE_STREAM_FULL, /* nothing unprocessed is ever discarded for new events */
    FAILURE_COUNT
};

struct failure_text {
    const char *code;        /* stable word: answers, metrics, logs */
    const char *message;     /* for a person */
    const char *retry_after; /* seconds */
};

extern const struct failure_text failure_texts[FAILURE_COUNT];

/* FAILURE_NONE for stored and duplicate. */
enum failure failure_of_result(const struct bus_result *result);
/* Of a negative return of bus_publish() or of an allocation. */
enum failure failure_of_errno(int r);
