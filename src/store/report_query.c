#include "store/report_query.h"

#include "base/clock.h"
#include "base/number.h"
#include "store/wire.h"

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

int64_t report_i64(const PGresult *rows, int row, int column)
{
    return PQgetisnull(rows, row, column) ? 0 : wire_get_i64(PQgetvalue(rows, row, column));
}

int32_t report_i32(const PGresult *rows, int row, int column)
{
    return PQgetisnull(rows, row, column) ? 0 : wire_get_i32(PQgetvalue(rows, row, column));
}

bool report_time(const PGresult *rows, int row, int column, int64_t *ret_usec)
{
    int64_t v = report_i64(rows, row, column);

    if (PQgetisnull(rows, row, column) || v == INT64_MIN || v == INT64_MAX)
        return false;
    *ret_usec = v + WIRE_EPOCH_USEC;
    return true;
}

void report_write_time(struct json_out *j, const char *key, const PGresult *rows, int row,
                       int column)
{
    char text[TIMESTAMP_TEXT_MAX];
    int64_t usec;

    json_key(j, key);
    if (report_time(rows, row, column, &usec))
        json_string(j, timestamp_format(usec, text));
    else
        json_null(j);
}

/* Events are from 2000 on, and no more than a day ahead of their receipt. */
#define NO_EVENT_AFTER (INT64_C(80000) * USEC_PER_DAY) /* 2189 */

struct report_span report_span_of(const struct report_filter *f)
{
    return (struct report_span){
        .from_usec = f->has_from ? f->from_usec : EVENT_MIN_USEC,
        .to_usec = f->has_to ? f->to_usec : NO_EVENT_AFTER,
    };
}

void report_pieces_param_init(struct report_pieces_param *a)
{
    pg_array_init(&a->grain);
    pg_array_init(&a->from);
    pg_array_init(&a->to);
    report_pieces_param_start(a);
}

void report_pieces_param_release(struct report_pieces_param *a)
{
    pg_array_release(&a->grain);
    pg_array_release(&a->from);
    pg_array_release(&a->to);
}

void report_pieces_param_start(struct report_pieces_param *a)
{
    pg_array_start(&a->grain, PG_INT4);
    pg_array_start(&a->from, PG_TIMESTAMPTZ);
    pg_array_start(&a->to, PG_TIMESTAMPTZ);
}

void report_pieces_param_add(struct report_pieces_param *a, const struct report_piece *piece)
{
    pg_array_i32(&a->grain, (int32_t)piece->grain);
    pg_array_timestamp(&a->from, piece->span.from_usec);
    pg_array_timestamp(&a->to, piece->span.to_usec);
}

int report_pieces_param_end(struct report_pieces_param *a, struct pg_params *p)
{
    int r = pg_array_param(&a->grain, p);

    if (r == 0)
        r = pg_array_param(&a->from, p);
    if (r == 0)
        r = pg_array_param(&a->to, p);
    return r;
}

int report_pieces_param_range(struct report_pieces_param *a, const struct report_filter *f,
                              const struct report_grains *grains, struct pg_params *p)
{
    struct report_pieces pieces;

    report_pieces_param_start(a);
    report_range_split(report_span_of(f), grains, &pieces);
    for (int i = 0; i < pieces.count; i++)
        report_pieces_param_add(a, &pieces.piece[i]);
    return report_pieces_param_end(a, p);
}

const char *report_source_name(const struct report_filter *f)
{
    return f->source < 0 ? NULL : event_source_names[f->source];
}

void report_param_time(struct pg_params *p, int64_t usec, char bytes[static 8])
{
    uint64_t be = htobe64((uint64_t)(usec - WIRE_EPOCH_USEC));

    memcpy(bytes, &be, sizeof(be));
    pg_param_binary(p, PG_TIMESTAMPTZ, span_of(bytes, sizeof(be)));
}

void report_found_add(struct report_found *found, int64_t usec)
{
    found->earliest_usec = found->any ? MIN(found->earliest_usec, usec) : usec;
    found->latest_usec = found->any ? MAX(found->latest_usec, usec) : usec;
    found->any = true;
}

const char report_retention_sql[] = "SELECT retained_from FROM retention";

void report_found_retention(struct report_found *found, const PGresult *rows)
{
    found->has_retained = PQntuples(rows) > 0 && report_time(rows, 0, 0, &found->retained_usec);
}

const char report_extent_sql[] =
    "SELECT min(earliest), max(latest) FROM event_counts WHERE grain = 1440"
    " AND bucket >= " REPORT_RETAINED_FROM " AND ($1::text IS NULL OR source = $1)";

/* A bound that was asked for is not looked up: the other one is all that counts. */
void report_found_extent(struct report_found *found, const struct report_filter *f,
                         const PGresult *rows)
{
    struct report_span span = report_span_of(f);
    int64_t first, last;

    found->any = false;
    if (!report_time(rows, 0, 0, &first) || !report_time(rows, 0, 1, &last))
        return;
    if ((!f->has_from && first >= span.to_usec) || (!f->has_to && last < span.from_usec))
        return;
    report_found_add(found, first);
    report_found_add(found, last);
}

static void time_or_null(struct json_out *j, bool known, int64_t usec)
{
    char buf[TIMESTAMP_TEXT_MAX];

    if (known)
        json_string(j, timestamp_format(usec, buf));
    else
        json_null(j);
}

static void write_time_range(struct json_out *j, const struct report_filter *f,
                             const struct report_found *found)
{
    json_key(j, "timeRange");
    json_object(j);
    json_key(j, "from");
    time_or_null(j, f->has_from || found->any, f->has_from ? f->from_usec : found->earliest_usec);
    json_key(j, "to");
    time_or_null(j, f->has_to || found->any, f->has_to ? f->to_usec : found->latest_usec);
    json_object_end(j);
}

static void write_retained(struct json_out *j, const struct report_filter *f,
                           const struct report_found *found)
{
    if (!found->has_retained || (f->has_from && f->from_usec >= found->retained_usec))
        return;
    json_key(j, "retainedFrom");
    time_or_null(j, true, found->retained_usec);
}

void report_write_range(struct json_out *j, const struct report_filter *f,
                        const struct report_found *found)
{
    write_time_range(j, f, found);
    write_retained(j, f, found);
}

void report_time_range(struct json_out *j, const struct report_filter *f, const PGresult *rows,
                       int row, int earliest_column, int latest_column)
{
    struct report_found found = { 0 };

    found.any = parse_i64(report_text(rows, row, earliest_column), &found.earliest_usec) == 0 &&
                parse_i64(report_text(rows, row, latest_column), &found.latest_usec) == 0;
    write_time_range(j, f, &found);
}

void report_retained(struct json_out *j, const struct report_filter *f, const PGresult *rows,
                     int row, int column)
{
    struct report_found found = { 0 };

    found.has_retained = parse_i64(report_text(rows, row, column), &found.retained_usec) == 0;
    write_retained(j, f, &found);
}

int report_done(const struct strbuf *out, struct strbuf *err)
{
    int r = strbuf_error(out);

    if (r < 0)
        strbuf_setf(err, "the report is larger than an answer may be");
    return r;
}
