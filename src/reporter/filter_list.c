#include "reporter/filter_list.h"

#include <errno.h>

#include "base/number.h"

int filter_take_sort(struct filter_parser *p, struct span value)
{
    int sort = event_name_find(report_sort_names, SORT_COUNT, value);

    if (sort < 0)
        return -EINVAL;
    p->filter->sort = (enum report_sort)sort;
    return 0;
}

int filter_take_order(struct filter_parser *p, struct span value)
{
    p->ordered = true;
    p->filter->ascending = span_eq(value, SPAN("asc"));
    return p->filter->ascending || span_eq(value, SPAN("desc")) ? 0 : -EINVAL;
}

int filter_take_limit(struct filter_parser *p, struct span value)
{
    uint32_t limit;

    if (parse_u32(value, &limit) < 0 || limit < 1 || limit > LIST_LIMIT_MAX)
        return -EINVAL;
    p->filter->limit = limit;
    return 0;
}

int filter_take_offset(struct filter_parser *p, struct span value)
{
    return parse_u32(value, &p->filter->offset) < 0 ? -EINVAL : 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Microseconds, a hyphen, the key in hexadecimal. */
int filter_take_place(struct filter_parser *p, struct span value)
{
    struct report_place *place = &p->filter->before;
    struct span usec;

    if (!span_split(&value, '-', &usec) || value.len != (size_t)2 * EVENT_KEY_BYTES ||
        parse_i64(usec, &place->timestamp_usec) < 0)
        return -EINVAL;
    for (size_t i = 0; i < EVENT_KEY_BYTES; i++) {
        int high = hex_digit(value.ptr[2 * i]), low = hex_digit(value.ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            return -EINVAL;
        place->key.bytes[i] = (uint8_t)(high * 16 + low);
    }
    place->given = true;
    return 0;
}

void filter_finish_list(struct filter_parser *p)
{
    static const uint32_t limits[REPORT_COUNT] = {
        [REPORT_FUNNEL] = 100,
        [REPORT_CAMPAIGNS] = 50,
        [REPORT_USER] = 100,
    };
    struct report_filter *f = p->filter;

    if (!f->limit)
        f->limit = limits[p->kind];
    if (!p->ordered)
        f->ascending = f->sort == SORT_CAMPAIGN;
}
