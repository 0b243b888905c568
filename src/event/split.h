/*
 * Splits the body of a request into events without parsing them, so that each is then validated by
 * itself and one bad event never touches its neighbours. Only what breaks the frame refuses the
 * whole body: brackets or quotes that do not match, a second value behind the first, nothing at
 * all, invalid UTF-8, a byte-order mark.
 *
 * One pass over the body, in place, so the body must be writable: raw LF and CR outside strings
 * become spaces (the batch format on the wire is line-based), and the commas between events become
 * a byte that UTF-8 does not have, by which the events are found again. Lines are cut at LF and
 * otherwise left alone: a frame that is broken inside a line is that line's fault only, found when
 * it is parsed.
 *
 * Nesting has no limit here and costs no memory; the kinds of brackets are held against each other
 * up to SPLIT_DEPTH_CHECKED levels, which is far deeper than an event may be.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"

#define SPLIT_DEPTH_CHECKED 1024

enum split_form {
    SPLIT_JSON,  /* one object, or an array of events */
    SPLIT_LINES, /* application/x-ndjson: one value a line, empty lines skipped */
    SPLIT_BULK /* {"events":[...]}; other members are ignored, and so is "events" spelt with escapes
                */
};

enum split_shape { SHAPE_SINGLE, SHAPE_MANY };

struct splitter {
    char *at;
    char *end;
    enum split_form form;
    enum split_shape shape; /* valid after splitter_init() */
    size_t count;           /* events in the body, valid after splitter_init() */
    bool done;              /* private */
};

/* Checks the frame of the whole body and counts its events; on success splitter_next() cannot fail.
 * -EBADMSG: not such a body, *ret_error (constant string) says why in a few words for a person and
 * *ret_offset the byte. -ENODATA: an empty body or array. -E2BIG: more than max_events (checked
 * while scanning). The body is borrowed, and must have JSON_PADDING bytes of room behind it; when
 * it is refused, it keeps its commas. */
int splitter_init(struct splitter *s, enum split_form form, char *body, size_t len,
                  size_t max_events, const char **ret_error, size_t *ret_offset) MUST_CHECK;

/* The next element's bytes, white space trimmed; false at the end. An element can be any bytes
 * whose brackets match: it still has to be parsed. */
bool splitter_next(struct splitter *s, struct span *ret_element);

/* Gives the body its commas back, so that it can be split again. */
void splitter_undo(const struct splitter *s);
