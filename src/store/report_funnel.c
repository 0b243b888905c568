/*
 * From seeing to buying: by source, how many users had an event of the top stage, of the bottom
 * one, and of both; by campaign, how many clicks there were and how many checkouts.
 */
#include "store/report_activity.h"
#include "store/report_ratio.h"

static const char users_sql[] =
    "WITH " REPORT_ACTIVITY " SELECT source, sum(bit_count(top))::bigint,"
    " sum(bit_count(bottom))::bigint, sum(bit_count(top & bottom))::bigint"
    " FROM sets GROUP BY source";

enum users_column { USERS_SOURCE, USERS_TOP, USERS_BOTTOM, USERS_BOTH };

/* $1 to $3 are pieces of event_counts here. */
static const char events_sql[] =
    "WITH pieces AS (SELECT * FROM " REPORT_PIECES "), counts AS ("
    "SELECT c.source, c.funnel_stage, c.events AS n FROM pieces p"
    " JOIN event_counts c ON " REPORT_IN_PIECE " AND c.bucket >= " REPORT_RETAINED_FROM
    " UNION ALL SELECT e.source, e.funnel_stage, 1 FROM pieces p"
    " JOIN processed_events e ON p.grain = 0 AND e.timestamp >= p.lo AND e.timestamp < p.hi"
    " AND e.timestamp >= " REPORT_RETAINED_FROM ")"
    " SELECT source, coalesce(sum(n) FILTER (WHERE funnel_stage = 'top'), 0)::bigint,"
    " coalesce(sum(n) FILTER (WHERE funnel_stage = 'bottom'), 0)::bigint"
    " FROM counts WHERE $4::text IS NULL OR source = $4 GROUP BY source";

enum events_column { EVENTS_SOURCE, EVENTS_TOP, EVENTS_BOTTOM };

#define STEP(count, type) "coalesce(sum(" count ") FILTER (WHERE event_type = '" type "'), 0)"
#define STEPS(count)                                                                               \
    "SELECT campaign_id, " STEP(count, "ad.click") " AS clicks, " STEP(                            \
        count, "checkout.complete") " AS checkouts FROM pieces p"
/* The span of types is there for the index: it passes over most others without a look at rows. */
#define OF_STEP                                                                                    \
    " WHERE event_type IN ('ad.click', 'checkout.complete') AND event_type >= 'ad.click'"          \
    " AND event_type <= 'checkout.complete' AND campaign_id <> ''"                                 \
    " AND ($4::text IS NULL OR source = $4) GROUP BY campaign_id"
#define STEPS_IN_TOTALS(cube, minutes) STEPS("c.events") " JOIN " REPORT_CUBE(cube, minutes) OF_STEP
#define STEPS_IN_DELTAS                                                                            \
    STEPS("d.events")                                                                              \
    " JOIN cube_deltas d ON d.cube = 'campaign_device' AND p.grain > 0 AND d.bucket >= p.lo"       \
    " AND d.bucket < p.hi AND d.bucket >= " REPORT_RETAINED_FROM OF_STEP
#define STEPS_IN_RAW                                                                               \
    STEPS("1")                                                                                     \
    " JOIN processed_events e ON p.grain = 0 AND e.timestamp >= p.lo AND e.timestamp < p.hi"       \
    " AND e.timestamp >= " REPORT_RETAINED_FROM OF_STEP

/* Each part is grouped by itself, which leaves few rows to sort. $5: how many campaigns. */
static const char campaigns_sql[] =
    "WITH pieces AS (SELECT * FROM " REPORT_PIECES "), steps AS (" STEPS_IN_TOTALS(
        "campaign", "1440") " UNION ALL " STEPS_IN_TOTALS("campaign_device", "60") //
    " UNION ALL " STEPS_IN_DELTAS " UNION ALL " STEPS_IN_RAW ")"
    " SELECT campaign_id, sum(clicks)::bigint AS clicks, sum(checkouts)::bigint,"
    " count(*) OVER () FROM steps GROUP BY campaign_id ORDER BY clicks DESC, campaign_id"
    " LIMIT $5::bigint";

enum campaigns_column { CAMPAIGN, CLICKS, CHECKOUTS, CAMPAIGN_COUNT };

enum call { CALL_RETENTION, CALL_EXTENT, CALL_USERS, CALL_EVENTS, CALL_CAMPAIGNS, CALL_COUNT };

struct statements {
    struct report_pieces_param users, events, campaigns;
    struct pg_call calls[CALL_COUNT];
    char limit[16];
};

static void statements_init(struct statements *s)
{
    *s = (struct statements){
        .calls = { [CALL_RETENTION] = { .sql = report_retention_sql },
                   [CALL_EXTENT] = { .sql = report_extent_sql },
                   [CALL_USERS] = { .sql = users_sql },
                   [CALL_EVENTS] = { .sql = events_sql },
                   [CALL_CAMPAIGNS] = { .sql = campaigns_sql } },
    };
    for (int i = 0; i < CALL_COUNT; i++)
        s->calls[i].params.binary_results = true;
    report_pieces_param_init(&s->users);
    report_pieces_param_init(&s->events);
    report_pieces_param_init(&s->campaigns);
}

static void statements_release(struct statements *s)
{
    report_pieces_param_release(&s->users);
    report_pieces_param_release(&s->events);
    report_pieces_param_release(&s->campaigns);
    pg_calls_clear(s->calls, CALL_COUNT);
}

static int add_params(struct statements *s, const struct report_filter *f)
{
    struct pg_call *c = s->calls;
    int r = report_pieces_param_range(&s->users, f, &report_grains_cubes, &c[CALL_USERS].params);

    if (r == 0)
        r = report_pieces_param_range(&s->events, f, &report_grains_counts, &c[CALL_EVENTS].params);
    if (r == 0)
        r = report_pieces_param_range(&s->campaigns, f, &report_grains_cubes,
                                      &c[CALL_CAMPAIGNS].params);
    for (int i = CALL_EXTENT; i < CALL_COUNT; i++)
        pg_param_text(&c[i].params, report_source_name(f));
    (void)snprintf(s->limit, sizeof(s->limit), "%u", f->limit);
    pg_param_text(&c[CALL_CAMPAIGNS].params, s->limit);
    return r;
}

static uint64_t of_source(const PGresult *rows, int source, int column)
{
    for (int row = 0; row < PQntuples(rows); row++)
        if (span_eq(report_text(rows, row, 0), span_str(event_source_names[source])))
            return (uint64_t)report_i64(rows, row, column);
    return 0;
}

static void write_number(struct json_out *j, const char *key, uint64_t value)
{
    json_key(j, key);
    json_u64(j, value);
}

static void write_source(struct json_out *j, const struct pg_call *calls, int source)
{
    const PGresult *users = calls[CALL_USERS].result, *events = calls[CALL_EVENTS].result;
    uint64_t top = of_source(users, source, USERS_TOP);
    uint64_t both = of_source(users, source, USERS_BOTH);

    json_key(j, event_source_names[source]);
    json_object(j);
    write_number(j, "topUsers", top);
    write_number(j, "bottomUsers", of_source(users, source, USERS_BOTTOM));
    write_number(j, "bothUsers", both);
    write_number(j, "topEvents", of_source(events, source, EVENTS_TOP));
    write_number(j, "bottomEvents", of_source(events, source, EVENTS_BOTTOM));
    json_key(j, "userConversion");
    report_ratio_write(j, both, top);
    json_object_end(j);
}

static void write_campaigns(struct json_out *j, const PGresult *rows)
{
    json_key(j, "byCampaign");
    json_array(j);
    for (int row = 0; row < PQntuples(rows); row++) {
        uint64_t clicks = (uint64_t)report_i64(rows, row, CLICKS);
        uint64_t checkouts = (uint64_t)report_i64(rows, row, CHECKOUTS);

        json_object(j);
        json_key(j, "campaignId");
        json_string(j, report_text(rows, row, CAMPAIGN));
        write_number(j, "clicks", clicks);
        write_number(j, "checkouts", checkouts);
        json_key(j, "conversion");
        report_ratio_write(j, checkouts, clicks);
        json_object_end(j);
    }
    json_array_end(j);
    write_number(j, "campaignCount",
                 PQntuples(rows) ? (uint64_t)report_i64(rows, 0, CAMPAIGN_COUNT) : 0);
}

static void write_answer(struct json_out *j, const struct report_filter *f,
                         const struct pg_call *calls)
{
    struct report_found found = { .any = false };

    report_found_retention(&found, calls[CALL_RETENTION].result);
    report_found_extent(&found, f, calls[CALL_EXTENT].result);
    json_object(j);
    json_key(j, "bySource");
    json_object(j);
    for (int source = 0; source < SOURCE_COUNT; source++)
        if (f->source < 0 || f->source == source)
            write_source(j, calls, source);
    json_object_end(j);
    write_campaigns(j, calls[CALL_CAMPAIGNS].result);
    report_write_range(j, f, &found);
    json_object_end(j);
}

int report_funnel(struct db *db, const struct report_filter *f, struct strbuf *out,
                  struct strbuf *err)
{
    _cleanup_(statements_release) struct statements s;
    struct json_out j;
    int r;

    statements_init(&s);
    r = add_params(&s, f);
    if (r == 0)
        r = pg_call_all(db, s.calls, CALL_COUNT, err);
    if (r != 0)
        return r;
    json_out_init(&j, out);
    write_answer(&j, f, s.calls);
    return report_done(out, err);
}
