#include "store/report_revenue_groups.h"

#include <errno.h>
#include <stdlib.h>

#include "store/report_facts.h"
#include "store/report_groups.h"

struct group {
    struct span name[REPORT_GROUPS_MAX];
    uint64_t count;
    report_money cents;
};

bool report_revenue_has_groups(const struct report_filter *f)
{
    for (int i = 0; i < f->group_count; i++)
        if (f->group_by[i] != DIMENSION_SOURCE && f->group_by[i] != DIMENSION_CAMPAIGN)
            return false;
    return f->group_count > 0 && f->interval == INTERVAL_NONE;
}

static int by_name(const void *a, const void *b)
{
    const struct group *left = a, *right = b;
    int order = 0;

    for (int i = 0; order == 0 && i < REPORT_GROUPS_MAX; i++)
        order = span_cmp(left->name[i], right->name[i]);
    return order;
}

static int by_amount(const void *a, const void *b)
{
    const struct group *left = a, *right = b;

    if (left->cents != right->cents)
        return left->cents > right->cents ? -1 : 1;
    return by_name(a, b);
}

static struct group group_of(const struct report_row *row, const struct report_filter *f)
{
    struct group g = { .count = row->count, .cents = row->cents };

    for (int i = 0; i < REPORT_GROUPS_MAX; i++)
        if (i >= f->group_count)
            g.name[i] = SPAN("");
        else if (f->group_by[i] == DIMENSION_SOURCE)
            g.name[i] = row->part[REVENUE_SOURCE];
        else
            g.name[i] = row->part[REVENUE_CAMPAIGN];
    return g;
}

/* Adds up groups of the same names; they are the largest first then. Returns how many are left. */
static size_t merge(struct group *groups, size_t count)
{
    size_t kept = 0;

    qsort(groups, count, sizeof(*groups), by_name);
    for (size_t i = 0; i < count; i++) {
        if (kept && by_name(&groups[kept - 1], &groups[i]) == 0) {
            groups[kept - 1].count += groups[i].count;
            groups[kept - 1].cents += groups[i].cents;
        } else {
            groups[kept++] = groups[i];
        }
    }
    qsort(groups, kept, sizeof(*groups), by_amount);
    return kept;
}

static void write_group(struct json_out *j, const struct group *g, const struct report_filter *f)
{
    json_object(j);
    for (int i = 0; i < f->group_count; i++) {
        json_key(j, report_dimension_names[f->group_by[i]]);
        json_string(j, g->name[i]);
    }
    report_sum_write(j, SUBJECT_REVENUE, g->count, g->cents);
    json_object_end(j);
}

int report_revenue_groups_write(const struct report_revenue *v, const struct report_filter *f,
                                struct json_out *j)
{
    const struct span currency = span_str(report_currency(f));
    struct group *groups = calloc(v->count + 1, sizeof(*groups));
    size_t count = 0;

    if (!groups)
        return -ENOMEM;
    for (size_t i = 0; i < v->count; i++)
        if (span_eq(v->rows[i].part[REVENUE_CURRENCY], currency))
            groups[count++] = group_of(&v->rows[i], f);
    count = merge(groups, count);
    json_key(j, "groups");
    json_array(j);
    for (size_t i = 0; i < count && (!f->group_limit || i < f->group_limit); i++)
        write_group(j, &groups[i], f);
    json_array_end(j);
    json_key(j, "groupCount");
    json_u64(j, count);
    free(groups);
    return 0;
}
