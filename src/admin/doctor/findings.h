/* What the doctor found: lines of ok, warn or fail, each with how to mend it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "base/strbuf.h"

enum finding_level { FINDING_OK, FINDING_WARN, FINDING_FAIL, FINDING_LEVEL_COUNT };

struct findings {
    bool terminal; /* colours */
    bool json;
    unsigned count[FINDING_LEVEL_COUNT];
    struct strbuf rows; /* the JSON list */
};

void findings_init(struct findings *f, bool json);
void findings_release(struct findings *f);

/* Adds a line; as text it is printed at once. check: a stable word ("disk"); mend: what to do, NULL
 * when there is nothing to mend. */
void findings_add(struct findings *f, enum finding_level level, const char *check, const char *mend,
                  const char *fmt, ...) PRINTF_LIKE(5, 6);

/* Prints the summary, or the whole as JSON. The exit status: 1 when anything failed. */
int findings_finish(struct findings *f);
