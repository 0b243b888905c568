/* What an audit reads of the streams: of each message of an event stream its place, time and count,
 * from the headers; of each dead letter, which message it came from. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "admin/trial/progress.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "bus/bus.h"

struct scanned_message {
    uint64_t seq;
    int64_t stored_nsec;
    uint32_t events; /* 0 = it does not say; of a dead letter: which event of its message it is */
};

struct scan {
    struct scanned_message *messages; /* in the order of seq; owned */
    size_t count, room;
    bool has_stream;
};

void scan_release(struct scan *s);

/* All there is when it begins. No such stream: an empty scan. <0 with *err. */
int scan_stream(struct scan *s, struct bus *bus, const char *stream, struct progress *progress,
                struct strbuf *err) MUST_CHECK;

/* The messages of a stream that dead letters came from, sorted. */
int scan_letters(struct scan *s, struct bus *bus, const char *stream, struct progress *progress,
                 struct strbuf *err) MUST_CHECK;
/* Whether a letter of the message is there; of this very event of it. */
bool scan_has(const struct scan *letters, uint64_t seq, int64_t stored_nsec);
bool scan_has_event(const struct scan *letters, uint64_t seq, int64_t stored_nsec, uint32_t index);
