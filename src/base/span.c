#include "base/span.h"

#include <strings.h>

#include "base/macros.h"

int span_cmp(struct span a, struct span b)
{
    size_t n = MIN(a.len, b.len);
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;

    if (c != 0)
        return c;
    return (a.len > b.len) - (a.len < b.len);
}

bool span_eq_nocase(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
    while (s.len && is_space(s.ptr[0]))
        s = span_of(s.ptr + 1, s.len - 1);
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool span_split(struct span *rest, char sep, struct span *ret_part)
{
    const char *end;

    if (!rest->ptr)
        return false;
    end = rest->len ? memchr(rest->ptr, sep, rest->len) : NULL;
    if (!end) {
        *ret_part = *rest;
        *rest = SPAN_NONE;
        return true;
    }
    *ret_part = span_of(rest->ptr, (size_t)(end - rest->ptr));
    *rest = span_of(end + 1, rest->len - ret_part->len - 1);
    return true;
}
