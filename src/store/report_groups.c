#include "store/report_groups.h"

#include "store/report_query.h"

const char *const report_dimension_names[DIMENSION_COUNT] = {
    [DIMENSION_SOURCE] = "source",   [DIMENSION_STAGE] = "funnelStage",
    [DIMENSION_TYPE] = "eventType",  [DIMENSION_CAMPAIGN] = "campaignId",
    [DIMENSION_COUNTRY] = "country", [DIMENSION_DEVICE] = "device",
};

void report_sum_write(struct json_out *j, enum report_subject subject, uint64_t count,
                      report_money cents)
{
    if (subject == SUBJECT_REVENUE) {
        json_key(j, "totalRevenue");
        report_money_write(j, cents);
    }
    json_key(j, subject == SUBJECT_EVENTS ? "totalEvents" : "transactionCount");
    json_u64(j, count);
}

static void write_group(struct json_out *j, const struct report_facts *facts, const PGresult *rows,
                        int row)
{
    report_money cents = 0;

    (void)!report_money_parse(report_text(rows, row, FACTS_AMOUNT(facts)), &cents);
    json_object(j);
    for (int i = 0; i < facts->dimension_count; i++) {
        json_key(j, report_dimension_names[facts->dimensions[i]]);
        json_string(j, report_text(rows, row, FACTS_NAME + i));
    }
    report_sum_write(j, facts->subject, (uint64_t)report_i64(rows, row, FACTS_COUNT(facts)), cents);
    json_object_end(j);
}

int report_groups_write(struct db *db, enum report_subject subject, const struct report_filter *f,
                        struct report_span span, struct json_out *j, struct strbuf *err)
{
    const struct report_facts facts = {
        .subject = subject,
        .filter = f,
        .dimension_count = f->group_count,
        .dimensions = f->group_by,
        .limit = f->group_limit,
    };
    const struct report_slot all = { .span = span };
    _cleanup_result_ PGresult *rows = NULL;
    int r = report_facts_sum(db, &facts, &all, 1, &rows, err);

    if (r != 0)
        return r;
    json_key(j, "groups");
    json_array(j);
    for (int row = 0; row < PQntuples(rows); row++)
        write_group(j, &facts, rows, row);
    json_array_end(j);
    json_key(j, "groupCount");
    json_i64(j, PQntuples(rows) ? report_i64(rows, 0, FACTS_ROWS(&facts)) : 0);
    return 0;
}

/* Buckets begin and end with what there is; an empty span has none. */
static struct report_span series_span(const struct report_filter *f,
                                      const struct report_found *found)
{
    struct report_span span = report_span_of(f);

    if (!f->has_from)
        span.from_usec = found->any ? found->earliest_usec : span.to_usec;
    if (!f->has_to)
        span.to_usec = found->any ? found->latest_usec + 1 : span.from_usec;
    if (found->has_retained)
        span.from_usec = MAX(span.from_usec, found->retained_usec);
    span.to_usec = MAX(span.from_usec, span.to_usec);
    return span;
}

int report_parts_write(struct db *db, enum report_subject subject, const struct report_filter *f,
                       const struct report_found *found, struct json_out *j, struct strbuf *err)
{
    if (f->interval != INTERVAL_NONE)
        return report_series_write(db, subject, f, series_span(f, found), j, err);
    if (f->group_count)
        return report_groups_write(db, subject, f, report_span_of(f), j, err);
    return 0;
}
