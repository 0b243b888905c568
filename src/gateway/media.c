#include "gateway/media.h"

#include <errno.h>

#include "base/span.h"

static struct span unquote(struct span s)
{
    if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
        return span_of(s.ptr + 1, s.len - 2);
    return s;
}

/* JSON is UTF-8 (RFC 8259, 8.1): a charset that says otherwise is refused, other parameters say
 * nothing. */
static bool parameter_ok(struct span parameter)
{
    struct span name, value = parameter;

    if (!span_split(&value, '=', &name) || !span_eq_nocase(span_trim(name), SPAN("charset")))
        return true;
    value = unquote(span_trim(value));
    return span_eq_nocase(value, SPAN("utf-8")) || span_eq_nocase(value, SPAN("utf8")) ||
           span_eq_nocase(value, SPAN("us-ascii"));
}

int media_form(const char *content_type, bool bulk, enum split_form *ret_form)
{
    struct span rest = span_str(content_type), type, parameter;

    type = SPAN("application/json");
    if (content_type && !span_split(&rest, ';', &type))
        return -EINVAL;
    while (content_type && span_split(&rest, ';', &parameter))
        if (!parameter_ok(parameter))
            return -EINVAL;
    type = span_trim(type);
    if (span_eq_nocase(type, SPAN("application/json")))
        *ret_form = bulk ? SPLIT_BULK : SPLIT_JSON;
    else if (span_eq_nocase(type, SPAN("application/x-ndjson")) && !bulk)
        *ret_form = SPLIT_LINES;
    else
        return -EINVAL;
    return 0;
}

int media_coding(const char *content_encoding, bool *ret_gzip)
{
    struct span coding = span_trim(span_str(content_encoding));
    bool gzip = span_eq_nocase(coding, SPAN("gzip")) || span_eq_nocase(coding, SPAN("x-gzip"));

    if (!gzip && content_encoding && !span_eq_nocase(coding, SPAN("identity")))
        return -EINVAL;
    *ret_gzip = gzip;
    return 0;
}
