/* One run of `sluice rollup`: what it was asked for, and what it found. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "admin/audit/differences.h"
#include "admin/trial/progress.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"

struct rollup {
    bool rebuild; /* else verify */
    bool json;
    const char *from, *to; /* UTC days, NULL = no bound; borrowed */

    struct db *db; /* owned */
    struct progress progress;
    size_t days;
    struct differences differences; /* those that were there; a rebuild has mended them */
    uint64_t took_usec;
};

/* 0, or not 0 and *err: it was not done to the end. */
int rollup_run(struct rollup *r, struct strbuf *err) MUST_CHECK;

/* To standard output. */
void rollup_print(const struct rollup *r);
