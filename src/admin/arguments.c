#include "admin/arguments.h"

#include <errno.h>

#include "base/clock.h"
#include "base/number.h"
#include "event/event.h"

int argument_time(const struct settings_flag *flag, int64_t now_usec, int64_t *ret_usec,
                  struct strbuf *err)
{
    struct span text = span_str(flag->value);
    uint64_t ago;
    int64_t at;

    if (!flag->value)
        return 0;
    if (parse_duration(text, &ago) == 0 && ago <= (uint64_t)now_usec) {
        *ret_usec = now_usec - (int64_t)ago;
        return 0;
    }
    if (timestamp_parse(text, &at) == 0 && at > 0 && at <= INT64_MAX / 1000) {
        *ret_usec = at;
        return 0;
    }
    strbuf_setf(err,
                "%s=%s: takes a time such as 2026-01-31T12:00:00Z, or how long ago, such as 2h",
                flag->name, flag->value);
    return -EINVAL;
}

int argument_source(const struct settings_flag *flag, int *ret_source, struct strbuf *err)
{
    int source;

    if (!flag->value)
        return 0;
    source = event_name_find(event_source_names, SOURCE_COUNT, span_str(flag->value));
    if (source >= 0) {
        *ret_source = source;
        return 0;
    }
    strbuf_setf(err, "%s=%s: takes", flag->name, flag->value);
    for (int i = 0; i < SOURCE_COUNT; i++)
        (void)strbuf_addf(err, "%s %s", i ? " or" : "", event_source_names[i]);
    return -EINVAL;
}
