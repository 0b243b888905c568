/*
 * Bytes of one event in, a validated struct event out, or precisely what is wrong with it.
 *
 * Validation has two levels (docs/events.md): envelope and user are always checked; the engagement
 * strictly or leniently. Every key we read given twice is an error, as is a U+0000 anywhere, a lone
 * surrogate, a number that fits neither a 64-bit integer nor a finite double, nesting deeper than
 * EVENT_DEPTH_MAX, and an event of more than max_event_bytes.
 *
 * A decoder belongs to one thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "event/event.h"

enum event_validation { VALIDATION_LENIENT, VALIDATION_STRICT, VALIDATION_COUNT };
extern const char *const event_validation_names[VALIDATION_COUNT];

/* Why an event was refused. The strings are constant or live in the decoder until its next call. */
struct event_fault {
    const char *reason;   /* stable word for metrics and dead letters: invalid_json, missing_field,
                             wrong_type, out_of_range, unknown_value, too_large, duplicate_key ... */
    const char *pointer;  /* JSON pointer (RFC 6901) to the field, "" for the whole event */
    const char *expected; /* "expected a number" */
    struct span event_id; /* when readable, else ptr NULL */
    int source;           /* enum event_source when readable, else -1 */
    int stage;            /* enum event_stage when readable, else -1 */
};

struct event_decoder;

/* NULL when out of memory. */
struct event_decoder *event_decoder_new(enum event_validation validation, size_t max_event_bytes);
struct event_decoder *event_decoder_free(struct event_decoder *d);
DEFINE_CLEANUP(struct event_decoder *, event_decoder_free)

/* Decodes one event. raw.ptr MUST have JSON_PADDING readable bytes behind it. now_usec: the clock
 * that "24 h ahead" counts from. Strings in *ret_event point into raw or the decoder and are valid
 * until its next call. -EBADMSG: refused, *ret_fault says why. -ENOMEM. */
int event_decode(struct event_decoder *d, struct span raw, int64_t now_usec,
                 struct event *ret_event, struct event_fault *ret_fault) MUST_CHECK;
