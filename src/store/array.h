/*
 * A binary array parameter, built element by element: one column of rows for unnest(). The memory
 * is kept for the next statement. Errors stick in bytes.error.
 */
#pragma once

#include "base/span.h"
#include "base/strbuf.h"
#include "event/event.h"
#include "store/cents.h"
#include "store/pg.h"

struct pg_array {
    struct strbuf bytes;
    uint32_t count;
};

void pg_array_init(struct pg_array *a);
void pg_array_release(struct pg_array *a);

/* Empties it for elements of a type. */
void pg_array_start(struct pg_array *a, enum pg_type element);

void pg_array_i32(struct pg_array *a, int32_t v);
void pg_array_i64(struct pg_array *a, int64_t v);
void pg_array_double(struct pg_array *a, double v);
void pg_array_timestamp(struct pg_array *a, int64_t usec);
void pg_array_date(struct pg_array *a, int64_t day);
void pg_array_text(struct pg_array *a, struct span s); /* null when it has no pointer */
void pg_array_key(struct pg_array *a, const struct event_key *key);
void pg_array_cents(struct pg_array *a, cents_sum cents);
/* The first bit is the highest of the first byte. */
void pg_array_bits(struct pg_array *a, const void *bits, uint32_t count);
void pg_array_null(struct pg_array *a);

/* Completes the array and makes it the next parameter; it MUST stay as it is until the statement
 * was sent. -ENOMEM or -ENOBUFS of any step since pg_array_start(). */
int pg_array_param(struct pg_array *a, struct pg_params *p) MUST_CHECK;

/* The elements of a text[] that came as a binary result, one after the other. */
struct pg_texts {
    const char *next;
    int32_t left;
};

struct pg_texts pg_texts_of(const char *value);
/* False at the end. A null has no pointer; the others point into the result. */
bool pg_texts_next(struct pg_texts *texts, struct span *ret);
