#include "service/http_accept.h"

/* "0.8" as 800; 0 for what is no quality (RFC 9110, 12.4.2). */
static unsigned quality_of(struct span text)
{
    unsigned value, scale = HTTP_QUALITY_MAX;

    if (!text.len || text.len > 5 || text.ptr[0] < '0' || text.ptr[0] > '1' ||
        (text.len > 1 && text.ptr[1] != '.'))
        return 0;
    value = (unsigned)(text.ptr[0] - '0') * HTTP_QUALITY_MAX;
    for (size_t i = 2; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        scale /= 10;
        value += (unsigned)(text.ptr[i] - '0') * scale;
    }
    return value > HTTP_QUALITY_MAX ? 0 : value;
}

/* Takes the next element off a list: its name, and the quality among its parameters. */
static bool next_element(struct span *list, struct span *ret_name, unsigned *ret_quality)
{
    struct span element, parameter, name;

    if (!span_split(list, ',', &element))
        return false;
    *ret_name = SPAN_NONE;
    *ret_quality = HTTP_QUALITY_MAX;
    if (span_split(&element, ';', &name))
        *ret_name = span_trim(name);
    while (span_split(&element, ';', &parameter)) {
        if (span_split(&parameter, '=', &name) && span_eq_nocase(span_trim(name), SPAN("q")))
            *ret_quality = quality_of(span_trim(parameter));
    }
    return true;
}

/* 0: does not fit; more for less that is left open. */
static int type_fits(struct span range, struct span type)
{
    struct span whole = type, major;

    if (span_eq_nocase(range, type))
        return 3;
    if (span_split(&whole, '/', &major) && range.len == major.len + 2 &&
        span_eq_nocase(span_of(range.ptr, major.len), major) &&
        span_eq(span_of(range.ptr + major.len, 2), SPAN("/*")))
        return 2;
    return span_eq(range, SPAN("*/*")) ? 1 : 0;
}

static int coding_fits(struct span name, struct span coding)
{
    if (span_eq_nocase(name, coding))
        return 2;
    return span_eq(name, SPAN("*")) ? 1 : 0;
}

static unsigned best(struct span list, struct span wanted, int (*fits)(struct span, struct span))
{
    unsigned quality, result = 0;
    struct span name;
    int closest = 0;

    while (next_element(&list, &name, &quality)) {
        int fit = fits(name, wanted);

        if (fit <= closest)
            continue;
        closest = fit;
        result = quality;
    }
    return result;
}

unsigned http_accept_type(const char *accept, const char *type)
{
    return accept ? best(span_str(accept), span_str(type), type_fits) : HTTP_QUALITY_MAX;
}

unsigned http_accept_coding(const char *accept_encoding, const char *coding)
{
    return best(span_str(accept_encoding), span_str(coding), coding_fits);
}

/* Takes the next tag off a list, with its quotes and without W/. A comma may stand inside of one.
 */
static bool next_tag(struct span *list, struct span *ret_tag)
{
    const char *begin = memchr(list->ptr, '"', list->len), *end;
    size_t before;

    if (!begin)
        return false;
    before = (size_t)(begin - list->ptr);
    end = memchr(begin + 1, '"', list->len - before - 1);
    if (!end)
        return false;
    *ret_tag = span_of(begin, (size_t)(end - begin) + 1);
    *list = span_of(end + 1, list->len - before - ret_tag->len);
    return true;
}

bool http_etag_among(const char *if_none_match, struct span etag)
{
    struct span list = span_trim(span_str(if_none_match)), tag;

    if (span_eq(list, SPAN("*")))
        return true;
    while (list.len && next_tag(&list, &tag))
        if (span_eq(tag, etag))
            return true;
    return false;
}
