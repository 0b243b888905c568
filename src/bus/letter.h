/*
 * Dead letters as they are stored: what bus/dead_letter.h published, read again; which of them one
 * is looking for; how many there are of which kind.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_out.h"
#include "base/macros.h"
#include "bus/reader.h"

/* Strings are borrowed from the delivery and come from outside: unbounded text, "" when absent. */
struct letter {
    struct bus_delivery *delivery; /* borrowed */
    uint64_t seq;
    int64_t stored_nsec;
    const char *source; /* "facebook" ..., "unknown"; "" for an unreadable body */
    const char *reason, *detail, *pointer, *correlation_id, *origin;
    const char *received; /* RFC 3339 */
    uint64_t index;
    uint64_t bytes; /* of the original */
    bool cut;       /* fewer bytes are stored than the original had */
};

void letter_of(struct bus_delivery *d, struct letter *ret);

/* NULL and 0 ask for nothing. */
struct letter_filter {
    const char *source, *reason, *correlation_id;
    int64_t from_nsec, to_nsec; /* when it was stored: from <= t < to */
};

bool letter_matches(const struct letter *letter, const struct letter_filter *filter);
/* What the server may filter by; room in buf. NULL: all of the stream. */
#define LETTER_SUBJECT_MAX 64
const char *letter_subject(const struct letter_filter *filter, char buf[LETTER_SUBJECT_MAX]);

/* As JSON members of an open object: seq, rejectedAt, receivedAt, source, reason, pointer, detail,
 * correlationId, origin, index, bytes. What is absent is null. */
void letter_write(const struct letter *letter, struct json_out *j);

/* How many there are by one of their strings; those beyond LETTER_KINDS_MAX are counted together.
 */
#define LETTER_KINDS_MAX 48
#define LETTER_KIND_BYTES 48 /* longer ones are cut */

struct letter_kind {
    char name[LETTER_KIND_BYTES];
    uint64_t count;
};

struct letter_tally {
    struct letter_kind kinds[LETTER_KINDS_MAX];
    size_t kind_count;
    uint64_t others;
};

struct letter_counts {
    uint64_t total;
    struct letter_tally by_reason, by_source;
};

void letter_count(struct letter_counts *counts, const struct letter *letter);
/* The largest first, then by name. */
void letter_counts_sort(struct letter_counts *counts);
/* {"invalid_json":3,"others":1} */
void letter_tally_write(const struct letter_tally *tally, struct json_out *j);
