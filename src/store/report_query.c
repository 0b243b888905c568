#include "store/report_query.h"

#include "base/clock.h"
#include "base/number.h"

static const char *bound(bool has, int64_t usec, char buf[TIMESTAMP_TEXT_MAX])
{
    if (!has)
        return NULL;
    (void)timestamp_format(usec, buf);
    return buf;
}

void report_params_init(struct report_params *p, const struct report_filter *f)
{
    p->pg = (struct pg_params){ 0 };
    pg_param_text(&p->pg, bound(f->has_from, f->from_usec, p->from));
    pg_param_text(&p->pg, bound(f->has_to, f->to_usec, p->to));
    pg_param_text(&p->pg, f->source < 0 ? NULL : event_source_names[f->source]);
}

int report_run(struct db *db, const char *sql, const struct report_params *p, PGresult **ret_rows,
               struct strbuf *err)
{
    int r = db_connect(db, err);

    if (r == 0)
        r = pg_query(db, sql, &p->pg, ret_rows, err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

struct span report_text(const PGresult *rows, int row, int column)
{
    if (PQgetisnull(rows, row, column))
        return SPAN_NONE;
    return span_of(PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column));
}

uint64_t report_u64(const PGresult *rows, int row, int column)
{
    uint64_t v = 0;

    (void)!parse_u64(report_text(rows, row, column), &v);
    return v;
}

static void time_or_null(struct json_out *j, bool asked, int64_t usec, struct span counted)
{
    char buf[TIMESTAMP_TEXT_MAX];

    if (asked || parse_i64(counted, &usec) == 0)
        json_string(j, timestamp_format(usec, buf));
    else
        json_null(j);
}

void report_time_range(struct json_out *j, const struct report_filter *f, const PGresult *rows,
                       int row, int earliest_column, int latest_column)
{
    json_key(j, "timeRange");
    json_object(j);
    json_key(j, "from");
    time_or_null(j, f->has_from, f->from_usec, report_text(rows, row, earliest_column));
    json_key(j, "to");
    time_or_null(j, f->has_to, f->to_usec, report_text(rows, row, latest_column));
    json_object_end(j);
}

void report_retained(struct json_out *j, const struct report_filter *f, const PGresult *rows,
                     int row, int column)
{
    char buf[TIMESTAMP_TEXT_MAX];
    int64_t usec;

    if (parse_i64(report_text(rows, row, column), &usec) < 0)
        return;
    if (f->has_from && f->from_usec >= usec)
        return;
    json_key(j, "retainedFrom");
    json_string(j, timestamp_format(usec, buf));
}

int report_done(const struct strbuf *out, struct strbuf *err)
{
    int r = strbuf_error(out);

    if (r < 0)
        strbuf_setf(err, "the report is larger than an answer may be");
    return r;
}
