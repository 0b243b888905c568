/* Units that the cache has not: read, a few in a statement, summed up and put there. */
#pragma once

#include "base/macros.h"
#include "store/pg.h"
#include "store/report_cache.h"
#include "store/report_query.h"

/* A result of so many days of a thousand campaigns has a few MB. */
#define REPORT_LOADS_MAX 32

struct report_load {
    struct report_unit unit;
    struct report_span span; /* the part that the report is about */
    struct report_cell *cells;
    size_t count, size;
};

struct report_loader {
    struct db *db;
    enum report_content content;
    struct strbuf *err;
    struct report_pieces_param pieces;
    struct pg_array slots;
    struct report_load loads[REPORT_LOADS_MAX];
    int count;
};

void report_loader_init(struct report_loader *l, struct db *db, enum report_content content,
                        struct strbuf *err);
void report_loader_release(struct report_loader *l);

/* Takes note of a unit to be read; when there are many, reads them. sums NULL: into the cache only.
 */
int report_loader_want(struct report_loader *l, const struct report_unit *unit,
                       enum report_grain grain, struct report_span span,
                       struct report_sums *sums) MUST_CHECK;
/* Reads those that are left. */
int report_loader_finish(struct report_loader *l, struct report_sums *sums) MUST_CHECK;
