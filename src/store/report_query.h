/*
 * What the reports share: their range and filters as parameters, and the answer's time range. The
 * caller holds one view of the database (store/snapshot.h) for all statements of a report.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json_out.h"
#include "base/macros.h"
#include "store/array.h"
#include "store/pg.h"
#include "store/report.h"
#include "store/report_range.h"

/* What lies behind it is being dropped, perhaps just now: no report counts any of it. It is a UTC
 * midnight, so that no bucket lies on both sides. */
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
/* Of binary results. */
int64_t report_i64(const PGresult *rows, int row, int column); /* 0 = SQL null */
int32_t report_i32(const PGresult *rows, int row, int column);
/* Microseconds since 1970; false = SQL null or infinite. */
bool report_time(const PGresult *rows, int row, int column, int64_t *ret_usec);

/* Such a time as a member of an object; null where there is none. */
void report_write_time(struct json_out *j, const char *key, const PGresult *rows, int row,
                       int column);

/* The range, with bounds where none was asked for: no event is outside of them. */
struct report_span report_span_of(const struct report_filter *f);

/* Pieces of ranges as three parameters for unnest(grain[], lo[], hi[]). */
struct report_pieces_param {
    struct pg_array grain, from, to;
};

void report_pieces_param_init(struct report_pieces_param *a);
void report_pieces_param_release(struct report_pieces_param *a);
#define _cleanup_pieces_param_ _cleanup_(report_pieces_param_release)
void report_pieces_param_start(struct report_pieces_param *a);
void report_pieces_param_add(struct report_pieces_param *a, const struct report_piece *piece);
/* Makes them the next three parameters. -ENOMEM or -ENOBUFS of any step before. */
int report_pieces_param_end(struct report_pieces_param *a, struct pg_params *p) MUST_CHECK;

/* The filter's range in such pieces. */
int report_pieces_param_range(struct report_pieces_param *a, const struct report_filter *f,
                              const struct report_grains *grains, struct pg_params *p) MUST_CHECK;
/* The name of the filter's source; NULL = all. */
const char *report_source_name(const struct report_filter *f);

/* $1 to $3 of a statement as rows p (grain, lo, hi). */
#define REPORT_PIECES "unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) AS p (grain, lo, hi)"
/* The whole buckets of a table c in them. */
#define REPORT_IN_PIECE "c.grain = p.grain AND c.bucket >= p.lo AND c.bucket < p.hi"

/* The same of a cube's hours (60) or days (1440), as text: each is a table of its own, and knowing
 * which spares the planner all others. */
#define REPORT_CUBE(cube, minutes)                                                                 \
    "cube_totals c ON c.cube = '" cube "' AND p.grain = " minutes " AND c.grain = " minutes        \
    " AND c.bucket >= p.lo AND c.bucket < p.hi AND c.bucket >= " REPORT_RETAINED_FROM

/* The same, looked up for each piece: for a few hours or days of a cube. OFFSET 0 keeps the
 * planner, who does not know how few they are, from reading all of it. */
#define REPORT_CUBE_PIECE(cube, minutes)                                                           \
    "LATERAL (SELECT * FROM cube_totals c WHERE c.cube = '" cube "' AND c.grain = " minutes        \
    " AND c.bucket >= p.lo AND c.bucket < p.hi AND c.bucket >= " REPORT_RETAINED_FROM              \
    " OFFSET 0) c ON p.grain = " minutes

/* A timestamptz parameter; `bytes` holds it until the statement was sent. */
void report_param_time(struct pg_params *p, int64_t usec, char bytes[static 8]);

/* When something was found, and from when on there is anything. */
struct report_found {
    bool any;
    int64_t earliest_usec, latest_usec;
    bool has_retained;
    int64_t retained_usec;
};

/* Takes in another time. */
void report_found_add(struct report_found *found, int64_t usec);
/* One row, one column (binary): what report_found needs of the retention. */
extern const char report_retention_sql[];
void report_found_retention(struct report_found *found, const PGresult *rows);

/* When the first and the last event of a source were ($1; NULL = all), two columns (binary); and
 * what of it is in the filter's range. */
extern const char report_extent_sql[];
void report_found_extent(struct report_found *found, const struct report_filter *f,
                         const PGresult *rows);

/* "timeRange", the bounds asked for, or where there is none, what was found; and "retainedFrom",
 * where the answer begins later than asked for. */
void report_write_range(struct json_out *j, const struct report_filter *f,
                        const struct report_found *found);

/* The same from columns of a text result: microseconds, SQL null without events. */
void report_time_range(struct json_out *j, const struct report_filter *f, const PGresult *rows,
                       int row, int earliest_column, int latest_column);
void report_retained(struct json_out *j, const struct report_filter *f, const PGresult *rows,
                     int row, int column);

/* The end of a report: 0, or the error of the builder. */
int report_done(const struct strbuf *out, struct strbuf *err) MUST_CHECK;
