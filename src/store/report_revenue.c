/*
 * Revenue in one currency, by source and campaign, and the sum of each currency. Sums are numeric
 * in the database and whole hundredths here.
 */
#include <errno.h>
#include <stdlib.h>

#include "store/report_change.h"
#include "store/report_groups.h"
#include "store/report_revenue_groups.h"
#include "store/report_revenue_read.h"

struct totals {
    report_money cents;
    uint64_t transactions; /* of all currencies */
};

static bool in_currency(const struct report_row *row, const char *currency)
{
    return !currency || span_eq(row->part[REVENUE_CURRENCY], span_str(currency));
}

static struct totals totals_of(const struct report_revenue *v, const char *currency)
{
    struct totals t = { 0 };

    for (size_t i = 0; i < v->count; i++) {
        t.transactions += v->rows[i].count;
        if (in_currency(&v->rows[i], currency))
            t.cents += v->rows[i].cents;
    }
    return t;
}

/* Sums by a name of few values, or of many that come in order. */
struct tally {
    struct span name;
    report_money cents;
};

static int by_name(const void *a, const void *b)
{
    const struct tally *ta = a, *tb = b;

    return span_cmp(ta->name, tb->name);
}

static size_t add_up(struct tally *tally, const struct report_revenue *v,
                     enum report_revenue_part part, const char *currency)
{
    size_t count = 0;

    for (size_t i = 0; i < v->count; i++) {
        const struct report_row *row = &v->rows[i];
        size_t t = part == REVENUE_CAMPAIGN && count ? count - 1 : 0;

        if (!in_currency(row, currency))
            continue;
        while (t < count && !span_eq(tally[t].name, row->part[part]))
            t++;
        if (t == count)
            tally[count++] = (struct tally){ .name = row->part[part] };
        tally[t].cents += row->cents;
    }
    return count;
}

/* "key": the sums by a part; of one currency unless that is NULL. */
static int write_map(struct json_out *j, const char *key, const struct report_revenue *v,
                     enum report_revenue_part part, const char *currency)
{
    struct tally *tally = calloc(v->count + 1, sizeof(*tally));
    size_t count;

    if (!tally)
        return -ENOMEM;
    count = add_up(tally, v, part, currency);
    if (part != REVENUE_CAMPAIGN)
        qsort(tally, count, sizeof(*tally), by_name);
    json_key(j, key);
    json_object(j);
    for (size_t i = 0; i < count; i++) {
        json_key_span(j, tally[i].name);
        report_money_write(j, tally[i].cents);
    }
    json_object_end(j);
    free(tally);
    return 0;
}

static int write_revenue(struct json_out *j, const struct report_filter *f,
                         const struct report_revenue *v, const struct totals *t)
{
    const char *currency = report_currency(f);
    int r;

    json_key(j, "currency");
    json_str(j, currency);
    json_key(j, "totalRevenue");
    report_money_write(j, t->cents);
    r = write_map(j, "revenueBySource", v, REVENUE_SOURCE, currency);
    if (r == 0)
        r = write_map(j, "revenueByCampaign", v, REVENUE_CAMPAIGN, currency);
    if (r == 0)
        r = write_map(j, "revenueByCurrency", v, REVENUE_CURRENCY, NULL);
    json_key(j, "transactionCount");
    json_u64(j, t->transactions);
    report_write_range(j, f, &v->found);
    return r;
}

static int write_comparison(struct db *db, const struct report_filter *f, const struct totals *now,
                            struct json_out *j, struct strbuf *err)
{
    const struct report_filter previous = report_previous(f);
    _cleanup_(report_revenue_release) struct report_revenue v = { 0 };
    struct totals before;
    int r = report_revenue_read(db, &previous, &v, err);

    if (r != 0)
        return r;
    before = totals_of(&v, report_currency(f));
    json_key(j, "previous");
    json_object(j);
    report_write_range(j, &previous, &v.found);
    report_sum_write(j, SUBJECT_REVENUE, before.transactions, before.cents);
    json_object_end(j);
    json_key(j, "change");
    json_object(j);
    report_change_write(j, "totalRevenue", now->cents, before.cents, /* money= */ true);
    report_change_write(j, "transactionCount", (report_money)now->transactions,
                        (report_money)before.transactions, /* money= */ false);
    json_object_end(j);
    return 0;
}

int report_revenue(struct db *db, const struct report_filter *f, struct strbuf *out,
                   struct strbuf *err)
{
    _cleanup_(report_revenue_release) struct report_revenue v = { 0 };
    struct totals totals;
    struct json_out j;
    int r = report_revenue_read(db, f, &v, err);

    if (r != 0)
        return r;
    totals = totals_of(&v, report_currency(f));
    json_out_init(&j, out);
    json_object(&j);
    r = write_revenue(&j, f, &v, &totals);
    if (r == 0 && f->compare)
        r = write_comparison(db, f, &totals, &j, err);
    if (r == 0 && report_revenue_has_groups(f))
        r = report_revenue_groups_write(&v, f, &j);
    else if (r == 0)
        r = report_parts_write(db, SUBJECT_REVENUE, f, &v.found, &j, err);
    if (r != 0)
        return r;
    json_object_end(&j);
    return report_done(out, err);
}
