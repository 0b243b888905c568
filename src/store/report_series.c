/* A series: the buckets from the zone's offsets, what is in them from the rollups. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/report_calendar.h"
#include "store/report_groups.h"
#include "store/report_query.h"
#include "store/report_series_read.h"
#include "store/wire.h"

/* A zone is one of PostgreSQL's names: not its abbreviations, nor rules such as EST5EDT4. */
static const char zone_sql[] = "SELECT FROM pg_timezone_names WHERE name = $1";

/* The offset at the first day, and where it changes: those days are found by their ends (no zone
 * changes twice in a day), then each minute of them is looked at. */
#define OFFSET(time)                                                                               \
    "extract(epoch FROM (" time ") AT TIME ZONE $3 - (" time ") AT TIME ZONE 'UTC')::int"
static const char offsets_sql[] =
    "WITH days AS MATERIALIZED (SELECT d, " OFFSET("d") " AS offset_sec, " OFFSET(
        "d + interval '1 day'") " AS next_sec"
                                " FROM generate_series($1::timestamptz, $2::timestamptz,"
                                " interval '1 day') AS d)"
                                " SELECT $1::timestamptz, " OFFSET("$1::timestamptz") //
    " UNION ALL SELECT * FROM (SELECT m, " OFFSET("m") " FROM days, generate_series("
                                                       "d + interval '1 minute',"
                                                       " d + interval '1 day',"
                                                       " interval '1 minute') AS m"
                                                       " WHERE offset_sec <> next_sec AND " OFFSET(
                                                           "m") " <> " OFFSET("m - interval "
                                                                              "'1 minute'") //
    " ORDER BY m) changes";

static const char *zone_of(const struct report_filter *f)
{
    return f->timezone[0] ? f->timezone : "UTC";
}

/* The view reads the files of all zones: what was found once is there. */
static int check_zone(struct db *db, const char *zone, struct strbuf *err)
{
    struct pg_call call = { .sql = zone_sql, .params.binary_results = true };
    bool known;
    int r;

    if (strcmp(zone, "UTC") == 0 || strcmp(zone, db->known_zone) == 0)
        return 0;
    pg_param_text(&call.params, zone);
    r = pg_call_all(db, &call, 1, err);
    if (r != 0)
        return r;
    known = PQntuples(call.result) > 0;
    pg_calls_clear(&call, 1);
    if (!known) {
        strbuf_setf(err, "timezone: takes the name of a time zone, such as Europe/Berlin");
        return -EDOM;
    }
    (void)snprintf(db->known_zone, sizeof(db->known_zone), "%s", zone);
    return 0;
}

static int read_offsets(struct db *db, const char *zone, struct report_span span,
                        struct report_zone *ret, struct strbuf *err)
{
    struct pg_call call = { .sql = offsets_sql, .params.binary_results = true };
    const int64_t first_day = clock_day_of(span.from_usec - REPORT_ZONE_MARGIN_USEC);
    char from[8], to[8];
    int r;

    report_param_time(&call.params, first_day * USEC_PER_DAY, from);
    report_param_time(&call.params, span.to_usec + REPORT_ZONE_MARGIN_USEC, to);
    pg_param_text(&call.params, zone);
    r = pg_call_all(db, &call, 1, err);
    if (r != 0)
        return r;
    ret->count = PQntuples(call.result);
    ret->offsets = calloc((size_t)ret->count, sizeof(*ret->offsets));
    for (int i = 0; i < ret->count && ret->offsets; i++) {
        (void)!report_time(call.result, i, 0, &ret->offsets[i].since_usec);
        ret->offsets[i].offset_sec = report_i32(call.result, i, 1);
    }
    pg_calls_clear(&call, 1);
    return ret->offsets ? 0 : -ENOMEM;
}

static int fail_long(const struct report_filter *f, struct strbuf *err)
{
    static const char *const longer[INTERVAL_COUNT] = {
        [INTERVAL_MINUTE] = "hour",
        [INTERVAL_HOUR] = "day",
        [INTERVAL_DAY] = "week",
        [INTERVAL_WEEK] = "month",
    };

    strbuf_setf(err, "interval: the range has more than %d of them; ask for a shorter range",
                REPORT_BUCKETS_MAX);
    if (longer[f->interval])
        (void)strbuf_addf(err, ", or for interval=%s", longer[f->interval]);
    return -EDOM;
}

/* More buckets than any answer holds, whatever the zone: not even looked for. */
static bool is_too_long(const struct report_filter *f, struct report_span span)
{
    static const int64_t least_usec[INTERVAL_COUNT] = {
        [INTERVAL_MINUTE] = 60 * USEC_PER_SEC,     [INTERVAL_HOUR] = 3600 * USEC_PER_SEC,
        [INTERVAL_DAY] = 25 * 3600 * USEC_PER_SEC, [INTERVAL_WEEK] = 8 * USEC_PER_DAY,
        [INTERVAL_MONTH] = 32 * USEC_PER_DAY,
    };

    return (span.to_usec - span.from_usec) / least_usec[f->interval] > REPORT_BUCKETS_MAX;
}

static int read_buckets(struct db *db, const struct report_filter *f, struct report_span span,
                        struct report_buckets *ret, struct strbuf *err)
{
    struct report_zone zone = { 0 };
    int r;

    if (is_too_long(f, span))
        return fail_long(f, err);
    r = read_offsets(db, zone_of(f), span, &zone, err);
    if (r == 0)
        r = report_calendar(f->interval, &zone, span, ret);
    free(zone.offsets);
    return r == -EDOM ? fail_long(f, err) : r;
}

static void write_bucket_groups(struct json_out *j, enum report_subject subject,
                                const struct report_series *series, size_t first, size_t end)
{
    json_key(j, "groups");
    json_object(j);
    for (size_t i = first; i < end; i++) {
        json_key_span(j, series->rows[i].name);
        if (subject == SUBJECT_REVENUE)
            report_money_write(j, series->rows[i].cents);
        else
            json_u64(j, series->rows[i].count);
    }
    json_object_end(j);
}

/* A bucket without rows is zero. */
static void write_series(struct json_out *j, const struct report_facts *facts,
                         const struct report_buckets *b, const struct report_series *series)
{
    size_t end = 0;

    json_key(j, "series");
    json_array(j);
    for (int i = 0; i < b->count; i++) {
        const size_t first = end;
        uint64_t count = 0;
        report_money cents = 0;

        for (; end < series->count && series->rows[end].slot == i; end++) {
            count += series->rows[end].count;
            cents += series->rows[end].cents;
        }
        json_object(j);
        json_key(j, "start");
        report_local_time_write(j, b->bucket[i].start_usec, b->bucket[i].offset_sec);
        report_sum_write(j, facts->subject, count, cents);
        if (facts->dimension_count)
            write_bucket_groups(j, facts->subject, series, first, end);
        json_object_end(j);
    }
    json_array_end(j);
}

int report_series_write(struct db *db, enum report_subject subject, const struct report_filter *f,
                        struct report_span span, struct json_out *j, struct strbuf *err)
{
    const struct report_facts facts = {
        .subject = subject,
        .filter = f,
        .dimension_count = f->group_count,
        .dimensions = f->group_by,
    };
    _cleanup_(report_buckets_release) struct report_buckets buckets = { 0 };
    _cleanup_(report_series_release) struct report_series series = { 0 };
    int r = check_zone(db, zone_of(f), err);

    if (r == 0)
        r = read_buckets(db, f, span, &buckets, err);
    if (r == 0)
        r = report_series_read(db, &facts, &buckets, &series, err);
    if (r == 0)
        write_series(j, &facts, &buckets, &series);
    return r;
}
