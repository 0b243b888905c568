/*
 * Sums over a range from the cells of whole buckets, by way of the cache of the process: what is in
 * it under the stamp of the day is not read again.
 *
 * A stamp is a digest of the day's rows in event_counts or revenue_totals, which every transaction
 * that stores events of the day changes, and of rollup_state.epoch, which moves when rollups are
 * mended. Stamps are read in the report's own view of the database, or were by another report whose
 * view was the same.
 */
#pragma once

#include "base/macros.h"
#include "store/pg.h"
#include "store/report_cache.h"
#include "store/report_query.h"

/* One row (binary) for report_view_take(). */
extern const char report_view_sql[];

struct report_view {
    uint64_t number; /* 0 = it has none; views with the same number see the same */
    uint64_t epoch;
    bool has_retained;
    int64_t retained_usec;
};
void report_view_take(struct report_view *view, const PGresult *rows);

/* Whether the connection has a cache, and a view that lasts. */
bool report_cells_usable(const struct db *db);

/* Sums by name over the span, which is made of whole minutes, but for that of campaigns; *ret_rows
 * from malloc(). -ENOBUFS: the names do not fit the cache, ask without it. */
int report_cells_read(struct db *db, enum report_content content, const struct report_view *view,
                      struct report_span span, struct report_row **ret_rows, size_t *ret_count,
                      struct strbuf *err) MUST_CHECK;

/* Whether the filter keeps what the row is about; of any currency. */
bool report_cells_kept(enum report_content content, const struct report_row *row,
                       const struct report_filter *f);

/* Called with what is in a span, in the order of names; the rows are the caller's own. */
typedef int (*report_cells_fn)(void *ctx, int number, const struct report_row *rows, size_t count);
/* The same for many such spans, which follow one another in time; take() gets their numbers.
 * -ENOBUFS also when their cells do not fit the cache. */
int report_cells_each(struct db *db, enum report_content content, const struct report_view *view,
                      const struct report_span *spans, int count, report_cells_fn take, void *ctx,
                      struct strbuf *err) MUST_CHECK;
