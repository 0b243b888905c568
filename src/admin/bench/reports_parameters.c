#include "admin/bench/reports_parameters.h"

#include <stdio.h>
#include <string.h>

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

bool random_one_in(struct random *r, uint64_t n)
{
    return random_below(r, n) == 0;
}

void param_add(struct strbuf *out, const char *name, const char *value)
{
    (void)strbuf_addf(out, "%c%s=%s", memchr(out->ptr, '?', out->len) ? '&' : '?', name, value);
}

static void add_time(struct strbuf *out, const char *name, int64_t usec)
{
    char text[TIMESTAMP_TEXT_MAX + 1];
    struct span time = timestamp_format(usec, text);

    text[time.len] = '\0';
    param_add(out, name, text);
}

static void add_bounds(struct strbuf *out, int64_t from, int64_t to)
{
    add_time(out, "from", from);
    add_time(out, "to", to);
}

void param_range(const struct dataset *d, struct random *r, int64_t unit, uint64_t most,
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

void param_days(const struct dataset *d, struct random *r, struct strbuf *out)
{
    param_range(d, r, USEC_PER_DAY, UINT64_MAX, out);
}

void param_any(const struct dataset *d, struct random *r, struct strbuf *out)
{
    param_range(d, r, 1, UINT64_MAX, out);
}

void param_aligned(const struct dataset *d, struct random *r, struct strbuf *out)
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
        param_days(d, r, out);
        break;
    default:
        param_range(d, r, PARAM_MINUTE_USEC, UINT64_MAX, out);
        break;
    }
}

void param_source(struct random *r, struct strbuf *out)
{
    if (random_one_in(r, 2))
        param_add(out, "source", random_one_in(r, 2) ? "facebook" : "tiktok");
}

void param_events(struct random *r, struct strbuf *out)
{
    size_t i = random_below(r, ARRAY_SIZE(types));

    if (random_one_in(r, 2))
        param_add(out, "source", types[i].source);
    if (random_one_in(r, 2))
        param_add(out, "funnelStage", types[i].stage);
    if (random_one_in(r, 2))
        param_add(out, "eventType", types[i].type);
}

void param_revenue(struct random *r, struct strbuf *out)
{
    param_source(r, out);
    if (random_one_in(r, 2))
        param_add(out, "currency", random_one_in(r, 2) ? "USD" : "EUR");
}

void param_campaign(const struct dataset *d, struct random *r, struct strbuf *out)
{
    char campaign[32];

    (void)snprintf(campaign, sizeof(campaign), "campaign-%04u",
                   (unsigned)random_below(r, d->campaigns));
    param_add(out, "campaignId", campaign);
}
