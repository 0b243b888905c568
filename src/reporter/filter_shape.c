#include "reporter/filter_shape.h"

#include <errno.h>
#include <string.h>

#include "base/number.h"

#define YEAR_ONE_USEC (INT64_C(-62135596800) * INT64_C(1000000)) /* 0001-01-01T00:00:00Z */

int filter_take_interval(struct filter_parser *p, struct span value)
{
    static const char *const names[INTERVAL_COUNT] = {
        [INTERVAL_NONE] = "",   [INTERVAL_MINUTE] = "minute", [INTERVAL_HOUR] = "hour",
        [INTERVAL_DAY] = "day", [INTERVAL_WEEK] = "week",     [INTERVAL_MONTH] = "month",
    };
    int i = event_name_find(names, INTERVAL_COUNT, value);

    if (i <= INTERVAL_NONE)
        return -EINVAL;
    p->filter->interval = (enum report_interval)i;
    return 0;
}

/* Letters, digits and / _ - +: whether there is such a zone, the database knows. A + that is
 * written as it is, as in Etc/GMT+5, arrives as a space. */
int filter_take_timezone(struct filter_parser *p, struct span value)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "/_-+";

    if (value.len > REPORT_ZONE_MAX)
        return -EINVAL;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i] == ' ' ? '+' : value.ptr[i];

        if (!memchr(allowed, c, sizeof(allowed) - 1))
            return -EINVAL;
        p->filter->timezone[i] = c;
    }
    p->filter->timezone[value.len] = '\0';
    return 0;
}

int filter_take_group_by(struct filter_parser *p, struct span value)
{
    struct report_filter *f = p->filter;
    int count = 0;

    if (value.len && value.ptr[value.len - 1] == ',')
        return -EINVAL;
    for (struct span name; span_split(&value, ',', &name);) {
        int dimension = event_name_find(report_dimension_names, DIMENSION_COUNT, name);

        if (dimension < 0 || count == REPORT_GROUPS_MAX ||
            (count == 1 && f->group_by[0] == (enum report_dimension)dimension))
            return -EINVAL;
        f->group_by[count++] = (enum report_dimension)dimension;
    }
    f->group_count = count;
    return count ? 0 : -EINVAL;
}

int filter_take_group_limit(struct filter_parser *p, struct span value)
{
    uint32_t limit;

    if (parse_u32(value, &limit) < 0 || limit < 1 || limit > GROUP_LIMIT_MAX)
        return -EINVAL;
    p->filter->group_limit = limit;
    return 0;
}

int filter_take_compare(struct filter_parser *p, struct span value)
{
    p->filter->compare = true;
    return span_eq(value, SPAN("previous")) ? 0 : -EINVAL;
}

static int fail(const struct filter_parser *p, const char *why)
{
    strbuf_setf(p->err, "%s", why);
    return -EINVAL;
}

static bool has_many_values(enum report_dimension dimension)
{
    return dimension >= DIMENSION_CAMPAIGN;
}

int filter_check_shape(const struct filter_parser *p)
{
    const struct report_filter *f = p->filter;

    if (f->timezone[0] && f->interval == INTERVAL_NONE)
        return fail(p, "timezone: goes with interval only");
    if (f->interval != INTERVAL_NONE && f->group_count &&
        (f->group_count > 1 || has_many_values(f->group_by[0])))
        return fail(p, "groupBy: goes with interval only as source, funnelStage or eventType");
    if (f->group_limit && (!f->group_count || f->interval != INTERVAL_NONE))
        return fail(p, "limit: goes with groupBy only, and not with interval");
    if (f->compare && (!f->has_from || !f->has_to))
        return fail(p, "compare: takes a range with both bounds, from and to");
    if (f->compare && f->from_usec - YEAR_ONE_USEC < f->to_usec - f->from_usec)
        return fail(p, "compare: the range before would begin before the year 1");
    return 0;
}
