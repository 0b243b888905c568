#include "reporter/filter_rejects.h"

#include <errno.h>
#include <string.h>

#include "base/number.h"

int filter_take_reject_source(struct filter_parser *p, struct span value)
{
    int source = event_name_find(event_source_names, SOURCE_COUNT, value);

    p->reject.source = source < 0 ? "unknown" : event_source_names[source];
    return source < 0 && !span_eq(value, SPAN("unknown")) ? -EINVAL : 0;
}

/* Printable ASCII, as the words and ids that dead letters carry. */
static int take_ascii(struct span value, size_t max, char *ret)
{
    if (value.len > max)
        return -EINVAL;
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
            return -EINVAL;
    memcpy(ret, value.ptr, value.len);
    ret[value.len] = '\0';
    return 0;
}

int filter_take_reason(struct filter_parser *p, struct span value)
{
    return take_ascii(value, REJECT_REASON_MAX, p->reject.reason);
}

int filter_take_correlation_id(struct filter_parser *p, struct span value)
{
    return take_ascii(value, REJECT_CORRELATION_MAX, p->reject.correlation_id);
}

int filter_take_reject_limit(struct filter_parser *p, struct span value)
{
    return parse_u32(value, &p->reject.limit) < 0 || p->reject.limit < 1 ||
                   p->reject.limit > REJECT_LIMIT_MAX
               ? -EINVAL
               : 0;
}

int filter_take_sequence(struct filter_parser *p, struct span value)
{
    return parse_u64(value, &p->reject.before) < 0 || p->reject.before == 0 ? -EINVAL : 0;
}
