/* Random questions to the reporter, of each kind that there is a goal for, and of those that people
 * ask besides. */
#include <string.h>

#include "admin/bench/reports_parameters.h"
#include "base/clock.h"

#define SERIES_BUCKETS_MAX 1000

static const char *const dimensions[] = { "source",     "funnelStage", "eventType",
                                          "campaignId", "country",     "device" };
#define PAIRS (ARRAY_SIZE(dimensions) * (ARRAY_SIZE(dimensions) - 1) / 2)
static const char *const sorts[] = { "revenue",           "orders", "buyers",
                                     "averageOrderValue", "clicks", "campaignId" };

static void begin_events(struct random *r, struct strbuf *out)
{
    (void)strbuf_adds(out, "/reports/events");
    param_events(r, out);
}

static void begin_revenue(struct random *r, struct strbuf *out)
{
    (void)strbuf_adds(out, "/reports/revenue");
    param_revenue(r, out);
}

/* Events and revenue by turns of chance. */
static void begin_either(struct random *r, struct strbuf *out)
{
    if (random_one_in(r, 2))
        begin_events(r, out);
    else
        begin_revenue(r, out);
}

/* ---- events and revenue ---- */

#define ASK(name)                                                                                  \
    static int name(const struct dataset *d UNUSED, struct random *r UNUSED,                       \
                    unsigned variant UNUSED, struct strbuf *out)

ASK(events_aligned)
{
    begin_events(r, out);
    param_aligned(d, r, out);
    return strbuf_error(out);
}

ASK(events_any)
{
    begin_events(r, out);
    param_any(d, r, out);
    return strbuf_error(out);
}

ASK(revenue_aligned)
{
    begin_revenue(r, out);
    param_aligned(d, r, out);
    return strbuf_error(out);
}

ASK(revenue_any)
{
    begin_revenue(r, out);
    param_any(d, r, out);
    return strbuf_error(out);
}

ASK(campaign_days)
{
    begin_revenue(r, out);
    param_campaign(d, r, out);
    param_days(d, r, out);
    return strbuf_error(out);
}

ASK(campaign_any)
{
    begin_revenue(r, out);
    param_campaign(d, r, out);
    param_any(d, r, out);
    return strbuf_error(out);
}

ASK(by_campaign)
{
    begin_revenue(r, out);
    param_add(out, "groupBy", "campaignId");
    param_any(d, r, out);
    return strbuf_error(out);
}

ASK(mix)
{
    begin_either(r, out);
    if (random_one_in(r, 2))
        param_aligned(d, r, out);
    else
        param_any(d, r, out);
    return strbuf_error(out);
}

/* ---- series ---- */

static int series(const struct dataset *d, struct random *r, const char *interval,
                  const char *timezone, struct strbuf *out)
{
    bool minutes = strcmp(interval, "minute") == 0;
    int64_t unit = random_one_in(r, 2) ? 1 : PARAM_MINUTE_USEC;

    begin_either(r, out);
    param_add(out, "interval", interval);
    if (timezone)
        param_add(out, "timezone", timezone);
    /* An end inside of a bucket makes one more at each end. */
    param_range(d, r, unit,
                minutes ? (uint64_t)((SERIES_BUCKETS_MAX - 2) * PARAM_MINUTE_USEC / unit)
                        : UINT64_MAX,
                out);
    return strbuf_error(out);
}

ASK(series_minute)
{
    return series(d, r, "minute", NULL, out);
}

ASK(series_hour)
{
    return series(d, r, "hour", "Asia/Kathmandu", out);
}

ASK(series_day)
{
    return series(d, r, "day", "Europe/Berlin", out);
}

ASK(series_week)
{
    return series(d, r, "week", NULL, out);
}

/* ---- groups ---- */

static void pair_of(unsigned variant, struct strbuf *out)
{
    for (size_t a = 0; a < ARRAY_SIZE(dimensions); a++)
        for (size_t b = a + 1; b < ARRAY_SIZE(dimensions); b++)
            if (variant-- == 0)
                (void)strbuf_addf(out, "%s,%s", dimensions[a], dimensions[b]);
}

static int groups(const struct dataset *d, struct random *r, unsigned variant, struct strbuf *out)
{
    _cleanup_strbuf_ struct strbuf pair;

    strbuf_init(&pair, 64);
    pair_of(variant, &pair);
    param_add(out, "groupBy", pair.ptr);
    param_source(r, out);
    if (random_one_in(r, 2))
        param_days(d, r, out);
    else
        param_any(d, r, out);
    return strbuf_error(out);
}

ASK(groups_events)
{
    (void)strbuf_adds(out, "/reports/events");
    return groups(d, r, variant, out);
}

ASK(groups_revenue)
{
    (void)strbuf_adds(out, "/reports/revenue");
    return groups(d, r, variant, out);
}

/* ---- people ---- */

ASK(demographics_days)
{
    (void)strbuf_adds(out, "/reports/demographics");
    param_source(r, out);
    param_days(d, r, out);
    return strbuf_error(out);
}

ASK(demographics_any)
{
    (void)strbuf_adds(out, "/reports/demographics");
    param_source(r, out);
    param_any(d, r, out);
    return strbuf_error(out);
}

ASK(funnel_days)
{
    (void)strbuf_adds(out, "/reports/funnel");
    param_source(r, out);
    param_days(d, r, out);
    return strbuf_error(out);
}

ASK(funnel_any)
{
    (void)strbuf_adds(out, "/reports/funnel");
    param_source(r, out);
    param_any(d, r, out);
    return strbuf_error(out);
}

static void sort_of(unsigned variant, struct strbuf *out)
{
    (void)strbuf_adds(out, sorts[variant]);
}

ASK(campaigns)
{
    (void)strbuf_adds(out, "/reports/campaigns");
    param_add(out, "sort", sorts[variant]);
    param_source(r, out);
    if (random_one_in(r, 2))
        param_days(d, r, out);
    else
        param_any(d, r, out);
    return strbuf_error(out);
}

ASK(user)
{
    (void)strbuf_addf(out, "/reports/users/%s/user-%llu",
                      random_one_in(r, 2) ? "facebook" : "tiktok",
                      (unsigned long long)random_below(r, d->users));
    if (random_one_in(r, 2))
        param_any(d, r, out);
    return strbuf_error(out);
}

/* Those of even numbers are Facebook's. */
ASK(event)
{
    uint64_t number = 1 + random_below(r, d->rows);

    return strbuf_addf(out, "/reports/events/%s/ev-%llu", number % 2 ? "tiktok" : "facebook",
                       (unsigned long long)number);
}

const struct question_kind question_kinds[] = {
    { "events.aligned", "events, at days or minutes", 10, 1, events_aligned, NULL },
    { "events.any", "events, any range", 10, 1, events_any, NULL },
    { "revenue.aligned", "revenue, at days or minutes", 10, 1, revenue_aligned, NULL },
    { "revenue.any", "revenue, any range", 10, 1, revenue_any, NULL },
    { "revenue.campaign_days", "revenue of a campaign, whole days", 10, 1, campaign_days, NULL },
    { "revenue.campaign_any", "revenue of a campaign, any range", 50, 1, campaign_any, NULL },
    { "revenue.by_campaign", "revenue by campaign, any range", 50, 1, by_campaign, NULL },
    { "series.minute", "series by minute", 50, 1, series_minute, NULL },
    { "series.hour", "series by hour, Asia/Kathmandu", 50, 1, series_hour, NULL },
    { "series.day", "series by day, Europe/Berlin", 50, 1, series_day, NULL },
    { "series.week", "series by week", 50, 1, series_week, NULL },
    { "groups.events", "events by two", 500, PAIRS, groups_events, pair_of },
    { "groups.revenue", "revenue by two", 500, PAIRS, groups_revenue, pair_of },
    { "demographics.days", "demographics, whole days", 150, 1, demographics_days, NULL },
    { "demographics.any", "demographics, any range", 400, 1, demographics_any, NULL },
    { "funnel.days", "funnel, whole days", 150, 1, funnel_days, NULL },
    { "funnel.any", "funnel, any range", 400, 1, funnel_any, NULL },
    { "campaigns", "campaigns", 0, ARRAY_SIZE(sorts), campaigns, sort_of },
    { "user", "one user", 0, 1, user, NULL },
    { "event", "one event", 0, 1, event, NULL },
};
const size_t question_kind_count = ARRAY_SIZE(question_kinds);

const struct question_kind question_mix = {
    "mix", "events and revenue, 16 clients", 0, 1, mix, NULL
};
