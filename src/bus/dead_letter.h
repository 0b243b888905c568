/*
 * Dead letters: one JetStream message per dead event in EVENTS_DLQ, its original bytes, and why, in
 * headers. Bodies that are not JSON at all go to EVENTS_UNREADABLE instead, so that junk never
 * evicts dead events. Larger ones than DEAD_LETTER_BYTES_MAX are cut there; Original-Bytes has
 * their length.
 */
#pragma once

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "bus/publisher.h"

#define DEAD_LETTER_BYTES_MAX (512 * 1024)

#define DLQ_HEADER_REASON "Dlq-Reason"   /* stable word */
#define DLQ_HEADER_DETAIL "Dlq-Detail"   /* for a person */
#define DLQ_HEADER_POINTER "Dlq-Pointer" /* JSON pointer */
#define DLQ_HEADER_CORRELATION "Dlq-Correlation-Id"
#define DLQ_HEADER_ORIGIN "Dlq-Origin" /* "gateway", or "<stream>/<seq>/<stored_nsec>" */
#define DLQ_HEADER_INDEX "Dlq-Index"   /* of the event in its request or message */
#define DLQ_HEADER_RECEIVED "Dlq-Received-At"
#define DLQ_HEADER_BYTES "Dlq-Original-Bytes"

struct dead_letter {
    bool unreadable;    /* a whole body that is not JSON */
    const char *source; /* "facebook" ..., NULL when unknown */
    struct span bytes;
    const char *reason;
    const char *detail;
    const char *pointer;
    struct span correlation_id;
    const char *origin;
    uint32_t index;
    int64_t received_usec;
    const char *msg_id; /* NULL, or "<stream>/<seq>/<stored_nsec>/<index>" from a collector */
};

/* Room for the message's parts; keep it alive until the publish call has returned. */
struct dead_letter_message {
    struct bus_message message;
    struct bus_header headers[8];
    char subject[64];
    char index[12], bytes[24], received[32];
};

/* Fills *ret from a dead letter: borrowed strings, no allocation. */
void dead_letter_message_of(const struct dead_letter *letter, struct dead_letter_message *ret);
