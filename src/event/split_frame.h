/*
 * The first pass over a body: holds its brackets against each other and finds where values end.
 * Errors are noted in the frame. Private to src/event.
 */
#pragma once

#include "event/split.h"
#include "event/split_scan.h"

struct frame {
    struct splitter_scan scan;
    char *body;
    size_t depth;
    uint64_t objects[SPLIT_DEPTH_CHECKED / 64]; /* bit set: that level was opened by { */
    const char *error;
    const char *error_at;
};

int frame_fail(struct frame *f, const char *error, const char *at) MUST_CHECK;

/* The first byte that is not white space, or `end`. */
char *frame_skip_white(char *at, const char *end);

/* Takes the bracket that the scan gives next, which the caller has seen to be an opening one, and
 * returns what stands behind it. */
char *frame_open(struct frame *f);

/* Runs to the next comma of the level that is open now (1), or to the bracket that closes it (0).
 * -EBADMSG. */
int frame_step(struct frame *f, char **ret_at) MUST_CHECK;

/* Runs to the bracket that closes the level that is open now. -EBADMSG. */
int frame_close(struct frame *f, char **ret_close) MUST_CHECK;

/* -EBADMSG unless there is only white space from `behind` on. */
int frame_end(struct frame *f, char *behind) MUST_CHECK;
