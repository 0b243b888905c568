/* Random questions to the reporter, of each kind that there is a goal for, and of those that people
 * ask besides. */
#include <stdio.h>
#include <string.h>

#include "admin/bench/reports.h"
#include "base/clock.h"

#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define SERIES_BUCKETS_MAX 1000

static const char *const dimensions[] = { "source",     "funnelStage", "eventType",
                                          "campaignId", "country",     "device" };
#define PAIRS (ARRAY_SIZE(dimensions) * (ARRAY_SIZE(dimensions) - 1) / 2)
static const char *const sorts[] = { "revenue",           "orders", "buyers",
                                     "averageOrderValue", "clicks", "campaignId" };
static const struct {
    const char *source, *stage, *type;
} types[] = {
    { "facebook", "top", "ad.view" },
    { "facebook", "top", "page.like" },
    { "facebook", "bottom", "ad.click" },
    { "facebook", "bottom", "form.submission" },
    { "facebook", "bottom", "checkout.complete" },
    { "tiktok", "top", "video.view" },
    { "tiktok", "top", "share" },
    { "tiktok", "bottom", "profile.visit" },
    { "tiktok", "bottom", "purchase" },
    { "tiktok", "bottom", "follow" },
};

static bool one_in(struct random *r, uint64_t n)
{
    return random_below(r, n) == 0;
}

/* The target so far is "/reports/events" or that with parameters. */
static void add(struct strbuf *out, const char *name, const char *value)
{
    (void)strbuf_addf(out, "%c%s=%s", memchr(out->ptr, '?', out->len) ? '&' : '?', name, value);
}

static void add_time(struct strbuf *out, const char *name, int64_t usec)
{
    char text[TIMESTAMP_TEXT_MAX + 1];
    struct span time = timestamp_format(usec, text);

    text[time.len] = '\0';
    add(out, name, text);
}

static void add_bounds(struct strbuf *out, int64_t from, int64_t to)
{
    add_time(out, "from", from);
    add_time(out, "to", to);
}

/* Ends at random multiples of `unit`, at most `most` of them apart. */
static void add_range(const struct dataset *d, struct random *r, int64_t unit, uint64_t most,
                      struct strbuf *out)
{
    uint64_t units = (uint64_t)(REPORTS_DAYS * USEC_PER_DAY / unit);
    uint64_t from = random_below(r, units), to;

    if (most < units) {
        to = MIN(from + 1 + random_below(r, most), units);
    } else {
        uint64_t other = random_below(r, units);
        to = MAX(from, other) + 1;
        from = MIN(from, other);
    }
    add_bounds(out, d->from_usec + (int64_t)from * unit, d->from_usec + (int64_t)to * unit);
}

static void add_days(const struct dataset *d, struct random *r, struct strbuf *out)
{
    add_range(d, r, USEC_PER_DAY, UINT64_MAX, out);
}

/* To the microsecond. */
static void add_any(const struct dataset *d, struct random *r, struct strbuf *out)
{
    add_range(d, r, 1, UINT64_MAX, out);
}

/* At days, at minutes, or without an end. */
static void add_aligned(const struct dataset *d, struct random *r, struct strbuf *out)
{
    switch (random_below(r, 8)) {
    case 0:
        break;
    case 1:
        add_time(out, "from", d->from_usec + (int64_t)random_below(r, REPORTS_DAYS) * USEC_PER_DAY);
        break;
    case 2:
    case 3:
    case 4:
        add_days(d, r, out);
        break;
    default:
        add_range(d, r, USEC_PER_MINUTE, UINT64_MAX, out);
        break;
    }
}

static void add_source(struct random *r, struct strbuf *out)
{
    if (one_in(r, 2))
        add(out, "source", one_in(r, 2) ? "facebook" : "tiktok");
}

static void add_events_filters(struct random *r, struct strbuf *out)
{
    size_t i = random_below(r, ARRAY_SIZE(types));

    if (one_in(r, 2))
        add(out, "source", types[i].source);
    if (one_in(r, 2))
        add(out, "funnelStage", types[i].stage);
    if (one_in(r, 2))
        add(out, "eventType", types[i].type);
}

static void add_revenue_filters(struct random *r, struct strbuf *out)
{
    add_source(r, out);
    if (one_in(r, 2))
        add(out, "currency", one_in(r, 2) ? "USD" : "EUR");
}

static void add_campaign(const struct dataset *d, struct random *r, struct strbuf *out)
{
    char campaign[32];

    (void)snprintf(campaign, sizeof(campaign), "campaign-%04u",
                   (unsigned)random_below(r, d->campaigns));
    add(out, "campaignId", campaign);
}

static void begin_events(struct random *r, struct strbuf *out)
{
    (void)strbuf_adds(out, "/reports/events");
    add_events_filters(r, out);
}

static void begin_revenue(struct random *r, struct strbuf *out)
{
    (void)strbuf_adds(out, "/reports/revenue");
    add_revenue_filters(r, out);
}

/* Events and revenue by turns of chance. */
static void begin_either(struct random *r, struct strbuf *out)
{
    if (one_in(r, 2))
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
    add_aligned(d, r, out);
    return strbuf_error(out);
}

ASK(events_any)
{
    begin_events(r, out);
    add_any(d, r, out);
    return strbuf_error(out);
}

ASK(revenue_aligned)
{
    begin_revenue(r, out);
    add_aligned(d, r, out);
    return strbuf_error(out);
}

ASK(revenue_any)
{
    begin_revenue(r, out);
    add_any(d, r, out);
    return strbuf_error(out);
}

ASK(campaign_days)
{
    begin_revenue(r, out);
    add_campaign(d, r, out);
    add_days(d, r, out);
    return strbuf_error(out);
}

ASK(campaign_any)
{
    begin_revenue(r, out);
    add_campaign(d, r, out);
    add_any(d, r, out);
    return strbuf_error(out);
}

ASK(by_campaign)
{
    begin_revenue(r, out);
    add(out, "groupBy", "campaignId");
    add_any(d, r, out);
    return strbuf_error(out);
}

ASK(mix)
{
    begin_either(r, out);
    if (one_in(r, 2))
        add_aligned(d, r, out);
    else
        add_any(d, r, out);
    return strbuf_error(out);
}

/* ---- series ---- */

static int series(const struct dataset *d, struct random *r, const char *interval,
                  const char *timezone, struct strbuf *out)
{
    bool minutes = strcmp(interval, "minute") == 0;
    int64_t unit = one_in(r, 2) ? 1 : USEC_PER_MINUTE;

    begin_either(r, out);
    add(out, "interval", interval);
    if (timezone)
        add(out, "timezone", timezone);
    /* An end inside of a bucket makes one more at each end. */
    add_range(d, r, unit,
              minutes ? (uint64_t)((SERIES_BUCKETS_MAX - 2) * USEC_PER_MINUTE / unit) : UINT64_MAX,
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
    add(out, "groupBy", pair.ptr);
    add_source(r, out);
    if (one_in(r, 2))
        add_days(d, r, out);
    else
        add_any(d, r, out);
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
    add_source(r, out);
    add_days(d, r, out);
    return strbuf_error(out);
}

ASK(demographics_any)
{
    (void)strbuf_adds(out, "/reports/demographics");
    add_source(r, out);
    add_any(d, r, out);
    return strbuf_error(out);
}

ASK(funnel_days)
{
    (void)strbuf_adds(out, "/reports/funnel");
    add_source(r, out);
    add_days(d, r, out);
    return strbuf_error(out);
}

ASK(funnel_any)
{
    (void)strbuf_adds(out, "/reports/funnel");
    add_source(r, out);
    add_any(d, r, out);
    return strbuf_error(out);
}

static void sort_of(unsigned variant, struct strbuf *out)
{
    (void)strbuf_adds(out, sorts[variant]);
}

ASK(campaigns)
{
    (void)strbuf_adds(out, "/reports/campaigns");
    add(out, "sort", sorts[variant]);
    add_source(r, out);
    if (one_in(r, 2))
        add_days(d, r, out);
    else
        add_any(d, r, out);
    return strbuf_error(out);
}

ASK(user)
{
    (void)strbuf_addf(out, "/reports/users/%s/user-%llu", one_in(r, 2) ? "facebook" : "tiktok",
                      (unsigned long long)random_below(r, d->users));
    if (one_in(r, 2))
        add_any(d, r, out);
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
