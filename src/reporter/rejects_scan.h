/* The letters of one report on rejects. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "bus/letter.h"

struct rejects_query {
    struct letter_filter filter;
    uint64_t before; /* only sequences below it; 0 = all */
    size_t limit;
    uint64_t scan_max;      /* letters to look at */
    uint64_t deadline_usec; /* monotonic; none are begun on after it */
};

struct rejects {
    struct bus_delivery **found; /* the newest that match, newest first; owned */
    size_t count;
    struct letter_counts counts; /* of all that match among those looked at */
    uint64_t scanned;
    uint64_t next; /* `before` of the next page; 0 = there is none */
    bool complete; /* all letters of the range were looked at */
};

/* 0, or <0 with *err; the errors are those of bus/reader.h. rejects_release() in every case. */
int rejects_scan(struct bus *bus, const struct rejects_query *query, struct rejects *ret,
                 struct strbuf *err) MUST_CHECK;
void rejects_release(struct rejects *r);
