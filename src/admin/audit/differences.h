/* What an audit, or a look at the rollups, found wrong: kinds of differences, each counted, the
 * first ones named. */
#pragma once

#include <stdint.h>

#include "base/json_out.h"
#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

#define DIFFERENCES_NAMED_MAX 20

struct difference {
    char *source; /* NULL = of no single one; owned */
    char *what;   /* owned */
    uint64_t count;
    unsigned named;
    struct strbuf names; /* one a line */
};

struct differences {
    struct difference *list;
    size_t count, room;
    uint64_t total;
    bool no_memory; /* one could not be noted: the audit is worth nothing */
};

void differences_release(struct differences *d);

/* Notes `count` of a kind, one of which is named. */
void differences_add(struct differences *d, const char *source, const char *what, uint64_t count,
                     const char *fmt, ...) PRINTF_LIKE(5, 6);

/* To standard output, each kind behind the verdict: "DIFFERS". */
void differences_print(const struct differences *d, const char *verdict);
void differences_json(const struct differences *d, struct json_out *j);
