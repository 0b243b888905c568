#include "admin/trial/compare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "admin/trial/inquiry.h"

struct comparison {
    const char *reporter;
    int64_t from_usec, to_usec;
    const struct tally *tally;
    struct inquiry inquiry;
    unsigned compared;
    struct strbuf *differences, *err;
};

static int ask(struct comparison *c, const char *report, const char *more)
{
    return inquiry_get(&c->inquiry, c->reporter, report, c->from_usec, c->to_usec, more, c->err);
}

static void check(struct comparison *c, const char *first, const char *second, uint64_t found,
                  uint64_t expected)
{
    c->compared++;
    if (found != expected)
        strbuf_addf(c->differences, "%s%s%s: %" PRIu64 " reported, %" PRIu64 " sent\n", first,
                    second ? "." : "", second ? second : "", found, expected);
}

static void check_count(struct comparison *c, const char *first, const char *second,
                        uint64_t expected)
{
    check(c, first, second, inquiry_count(&c->inquiry, first, second), expected);
}

static void check_cents(struct comparison *c, const char *first, const char *second,
                        int64_t expected)
{
    int64_t found = inquiry_cents(&c->inquiry, first, second);

    c->compared++;
    if (found != expected)
        strbuf_addf(c->differences, "%s%s%s: %.2f reported, %.2f sent\n", first, second ? "." : "",
                    second ? second : "", (double)found / 100, (double)expected / 100);
}

static int compare_events(struct comparison *c)
{
    const struct tally *t = c->tally;
    int r = ask(c, "events", "");

    if (r < 0)
        return r;
    check_count(c, "totalEvents", NULL, t->events);
    for (int i = 0; i < SOURCE_COUNT; i++)
        check_count(c, "eventsBySource", event_source_names[i], t->by_source[i]);
    for (int i = 0; i < STAGE_COUNT; i++)
        check_count(c, "eventsByFunnelStage", event_stage_names[i], t->by_stage[i]);
    for (int i = 0; i < TYPE_COUNT; i++)
        check_count(c, "eventsByType", event_type_names[i], t->by_type[i]);
    return 0;
}

static int compare_revenue(struct comparison *c)
{
    const struct tally *t = c->tally;
    int64_t total = 0;
    int r = ask(c, "revenue", "&currency=USD");

    if (r < 0)
        return r;
    for (int i = 0; i < SOURCE_COUNT; i++) {
        check_cents(c, "revenueBySource", event_source_names[i], t->revenue_cents[i]);
        total += t->revenue_cents[i];
    }
    check_cents(c, "totalRevenue", NULL, total);
    check_cents(c, "revenueByCurrency", "USD", total);
    check_count(c, "transactionCount", NULL, t->transactions);
    return 0;
}

static int compare_demographics(struct comparison *c)
{
    static const struct {
        enum event_source source;
        const char *distribution;
    } sums[] = {
        { SOURCE_FACEBOOK, "ageGroups" },
        { SOURCE_FACEBOOK, "genderDistribution" },
        { SOURCE_TIKTOK, "followerRanges" },
    };
    int r = ask(c, "demographics", "");

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(sums); i++) {
        const char *source = event_source_names[sums[i].source];

        check(c, source, sums[i].distribution,
              inquiry_sum(&c->inquiry, source, sums[i].distribution),
              tally_users(c->tally, sums[i].source));
    }
    return 0;
}

int compare_count(const char *reporter, int64_t from_usec, int64_t to_usec, uint64_t *ret,
                  struct strbuf *err)
{
    struct comparison c = {
        .reporter = reporter, .from_usec = from_usec, .to_usec = to_usec, .err = err
    };
    int r = inquiry_init(&c.inquiry);

    if (r == 0)
        r = ask(&c, "events", "");
    if (r == 0)
        *ret = inquiry_count(&c.inquiry, "totalEvents", NULL);
    inquiry_release(&c.inquiry);
    return r;
}

int compare_reports(const char *reporter, int64_t from_usec, int64_t to_usec, const struct tally *t,
                    unsigned *ret_compared, struct strbuf *differences, struct strbuf *err)
{
    struct comparison c = {
        .reporter = reporter,
        .from_usec = from_usec,
        .to_usec = to_usec,
        .tally = t,
        .differences = differences,
        .err = err,
    };
    int r = inquiry_init(&c.inquiry);

    if (r == 0)
        r = compare_events(&c);
    if (r == 0)
        r = compare_revenue(&c);
    if (r == 0)
        r = compare_demographics(&c);
    inquiry_release(&c.inquiry);
    *ret_compared = c.compared;
    return r;
}
