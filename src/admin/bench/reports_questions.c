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

/* ---- what is asked for ---- */

#define BEGIN(name)                                                                                \
    static void name(const struct dataset *d UNUSED, struct random *r, unsigned variant UNUSED,    \
                     struct strbuf *out)

BEGIN(events)
{
    (void)strbuf_adds(out, "/reports/events");
    param_events(r, out);
}

BEGIN(revenue)
{
    (void)strbuf_adds(out, "/reports/revenue");
    param_revenue(r, out);
}

/* Events and revenue by turns of chance. */
BEGIN(either)
{
    if (random_one_in(r, 2))
        events(d, r, variant, out);
    else
        revenue(d, r, variant, out);
}

BEGIN(revenue_of_campaign)
{
    revenue(d, r, variant, out);
    param_campaign(d, r, out);
}

BEGIN(revenue_by_campaign)
{
    revenue(d, r, variant, out);
    param_add(out, "groupBy", "campaignId");
}

BEGIN(demographics)
{
    (void)strbuf_adds(out, "/reports/demographics");
    param_source(r, out);
}

BEGIN(funnel)
{
    (void)strbuf_adds(out, "/reports/funnel");
    param_source(r, out);
}

static void sort_of(unsigned variant, struct strbuf *out)
{
    (void)strbuf_adds(out, sorts[variant]);
}

BEGIN(campaigns)
{
    (void)strbuf_adds(out, "/reports/campaigns");
    param_add(out, "sort", sorts[variant]);
    param_source(r, out);
}

BEGIN(user)
{
    (void)strbuf_addf(out, "/reports/users/%s/user-%llu",
                      random_one_in(r, 2) ? "facebook" : "tiktok",
                      (unsigned long long)random_below(r, d->users));
}

/* Those of even numbers are Facebook's. */
BEGIN(event)
{
    uint64_t number = 1 + random_below(r, d->rows);

    (void)strbuf_addf(out, "/reports/events/%s/ev-%llu", number % 2 ? "tiktok" : "facebook",
                      (unsigned long long)number);
}

/* ---- groups ---- */

static void pair_of(unsigned variant, struct strbuf *out)
{
    for (size_t a = 0; a < ARRAY_SIZE(dimensions); a++)
        for (size_t b = a + 1; b < ARRAY_SIZE(dimensions); b++)
            if (variant-- == 0)
                (void)strbuf_addf(out, "%s,%s", dimensions[a], dimensions[b]);
}

static void add_groups(struct random *r, unsigned variant, struct strbuf *out)
{
    _cleanup_strbuf_ struct strbuf pair;

    strbuf_init(&pair, 64);
    pair_of(variant, &pair);
    param_add(out, "groupBy", pair.ptr);
    param_source(r, out);
}

BEGIN(groups_of_events)
{
    (void)strbuf_adds(out, "/reports/events");
    add_groups(r, variant, out);
}

BEGIN(groups_of_revenue)
{
    (void)strbuf_adds(out, "/reports/revenue");
    add_groups(r, variant, out);
}

/* ---- series, whose range depends on the interval ---- */

static void series(const struct dataset *d, struct random *r, const char *interval,
                   const char *timezone, struct strbuf *out)
{
    bool minutes = strcmp(interval, "minute") == 0;
    int64_t unit = random_one_in(r, 2) ? 1 : PARAM_MINUTE_USEC;

    either(d, r, 0, out);
    param_add(out, "interval", interval);
    if (timezone)
        param_add(out, "timezone", timezone);
    /* An end inside of a bucket makes one more at each end. */
    param_range(d, r, unit,
                minutes ? (uint64_t)((SERIES_BUCKETS_MAX - 2) * PARAM_MINUTE_USEC / unit)
                        : UINT64_MAX,
                out);
}

BEGIN(series_minute)
{
    series(d, r, "minute", NULL, out);
}

BEGIN(series_hour)
{
    series(d, r, "hour", "Asia/Kathmandu", out);
}

BEGIN(series_day)
{
    series(d, r, "day", "Europe/Berlin", out);
}

BEGIN(series_week)
{
    series(d, r, "week", NULL, out);
}

/* ---- of which range ---- */

static void days_or_any(const struct dataset *d, struct random *r, struct strbuf *out)
{
    if (random_one_in(r, 2))
        param_days(d, r, out);
    else
        param_any(d, r, out);
}

static void aligned_or_any(const struct dataset *d, struct random *r, struct strbuf *out)
{
    if (random_one_in(r, 2))
        param_aligned(d, r, out);
    else
        param_any(d, r, out);
}

static void none_or_any(const struct dataset *d, struct random *r, struct strbuf *out)
{
    if (random_one_in(r, 2))
        param_any(d, r, out);
}

const struct question_kind question_kinds[] = {
    { "events.aligned", "events, at days or minutes", 10, 1, events, param_aligned, NULL },
    { "events.any", "events, any range", 10, 1, events, param_any, NULL },
    { "revenue.aligned", "revenue, at days or minutes", 10, 1, revenue, param_aligned, NULL },
    { "revenue.any", "revenue, any range", 10, 1, revenue, param_any, NULL },
    { "revenue.campaign_days", "revenue of a campaign, whole days", 10, 1, revenue_of_campaign,
      param_days, NULL },
    { "revenue.campaign_any", "revenue of a campaign, any range", 50, 1, revenue_of_campaign,
      param_any, NULL },
    { "revenue.by_campaign", "revenue by campaign, any range", 50, 1, revenue_by_campaign,
      param_any, NULL },
    { "series.minute", "series by minute", 50, 1, series_minute, NULL, NULL },
    { "series.hour", "series by hour, Asia/Kathmandu", 50, 1, series_hour, NULL, NULL },
    { "series.day", "series by day, Europe/Berlin", 50, 1, series_day, NULL, NULL },
    { "series.week", "series by week", 50, 1, series_week, NULL, NULL },
    { "groups.events", "events by two", 500, PAIRS, groups_of_events, days_or_any, pair_of },
    { "groups.revenue", "revenue by two", 500, PAIRS, groups_of_revenue, days_or_any, pair_of },
    { "demographics.days", "demographics, whole days", 150, 1, demographics, param_days, NULL },
    { "demographics.any", "demographics, any range", 400, 1, demographics, param_any, NULL },
    { "funnel.days", "funnel, whole days", 150, 1, funnel, param_days, NULL },
    { "funnel.any", "funnel, any range", 400, 1, funnel, param_any, NULL },
    { "campaigns", "campaigns", 0, ARRAY_SIZE(sorts), campaigns, days_or_any, sort_of },
    { "user", "one user", 0, 1, user, none_or_any, NULL },
    { "event", "one event", 0, 1, event, NULL, NULL },
};
const size_t question_kind_count = ARRAY_SIZE(question_kinds);

const struct question_kind question_mix = {
    "mix", "events and revenue, 16 clients", 0, 1, either, aligned_or_any, NULL
};

int question_ask(const struct question_kind *kind, const struct dataset *d, struct random *r,
                 unsigned variant, struct strbuf *out)
{
    kind->begin(d, r, variant, out);
    if (kind->range)
        kind->range(d, r, out);
    return strbuf_error(out);
}
