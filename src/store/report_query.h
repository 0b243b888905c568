/*
 * What the reports share: filters as parameters, and the answer's time range. The caller holds one
 * view of the database (store/snapshot.h) for all statements of a report.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json_out.h"
#include "base/macros.h"
#include "store/pg.h"
#include "store/report.h"

/* What lies behind it is being dropped, perhaps just now: no report counts any of it. */
#define REPORT_RETAINED_FROM "(SELECT retained_from FROM retention)"
/* Conditions on a column named timestamp; parameters 1 and 2 are the bounds, NULL = none. The first
 * one alone would do without retention, and it lets the planner leave out partitions. */
#define REPORT_IN_RANGE                                                                            \
    "($1::timestamptz IS NULL OR timestamp >= $1) AND timestamp >= " REPORT_RETAINED_FROM          \
    " AND ($2::timestamptz IS NULL OR timestamp < $2)"
/* Parameter 3. */
#define REPORT_OF_SOURCE "($3::text IS NULL OR source = $3)"
/* A timestamptz as microseconds since 1970, exact. */
#define REPORT_USEC(time) "(extract(epoch FROM " time ") * 1000000)::bigint"
/* The column for report_retained(): SQL null while everything is kept. */
#define REPORT_RETAINED_USEC REPORT_USEC("nullif(" REPORT_RETAINED_FROM ", '-infinity')")

/* Texts of parameters live here until the statement was sent. */
struct report_params {
    struct pg_params pg;
    char from[32], to[32];
};

/* Parameters 1 to 3: from, to, source. */
void report_params_init(struct report_params *p, const struct report_filter *f);

/* Runs the statement; connects before and cleans up after a failure. */
int report_run(struct db *db, const char *sql, const struct report_params *p, PGresult **ret_rows,
               struct strbuf *err) MUST_CHECK;

struct span report_text(const PGresult *rows, int row, int column); /* ptr NULL = SQL null */
uint64_t report_u64(const PGresult *rows, int row, int column);     /* 0 = SQL null */

/* "timeRange": the bounds asked for; where there is none, the earliest and the latest event counted
 * (columns of microseconds, SQL null without events). */
void report_time_range(struct json_out *j, const struct report_filter *f, const PGresult *rows,
                       int row, int earliest_column, int latest_column);

/* "retainedFrom", where the answer begins later than asked for. */
void report_retained(struct json_out *j, const struct report_filter *f, const PGresult *rows,
                     int row, int column);

/* The end of a report: 0, or the error of the builder. */
int report_done(const struct strbuf *out, struct strbuf *err) MUST_CHECK;
