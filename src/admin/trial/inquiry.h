/* Asks a reporter, and reads single figures out of its answers. */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "event/json.h"

/* One answer; json values point into it. */
struct inquiry {
    struct strbuf text;
    struct json_parser *parser;
    struct json_value data; /* the answer's `data` */
};

int inquiry_init(struct inquiry *r) MUST_CHECK;
void inquiry_release(struct inquiry *r);

/* GET <reporter>/reports/<name> for from <= timestamp < to, and `more` ("&currency=USD", or ""). 0,
 * or -EIO with *err: it did not answer, or not with a report. */
int inquiry_get(struct inquiry *r, const char *reporter, const char *name, int64_t from_usec,
                int64_t to_usec, const char *more, struct strbuf *err) MUST_CHECK;

/* The number at a path of at most two members below `data` (second may be NULL), 0 when there is
 * none; an amount of money comes in cents. */
uint64_t inquiry_count(const struct inquiry *r, const char *first, const char *second);
int64_t inquiry_cents(const struct inquiry *r, const char *first, const char *second);
/* The sum of all counts in data.<first>.<second>. */
uint64_t inquiry_sum(const struct inquiry *r, const char *first, const char *second);
