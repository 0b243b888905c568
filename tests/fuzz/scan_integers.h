/* Whether valid JSON holds an integer that fits neither int64_t nor uint64_t: found in its text, by
 * the number of digits and by comparing them. */
#pragma once

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/span.h"

/* Digits without leading zeros, as JSON's are. */
static inline bool is_huge(struct span digits, bool negative)
{
    struct span limit = negative ? SPAN("9223372036854775808") : SPAN("18446744073709551615");

    return digits.len != limit.len ? digits.len > limit.len
                                   : memcmp(digits.ptr, limit.ptr, limit.len) > 0;
}

static inline bool has_huge_integer(struct span json)
{
    bool in_string = false;

    for (size_t i = 0; i < json.len; i++) {
        size_t begin = i;

        if (json.ptr[i] == '\\')
            i++; /* stands in strings only */
        else if (json.ptr[i] == '"')
            in_string = !in_string;
        if (in_string || !isdigit((unsigned char)json.ptr[i]))
            continue;
        while (i < json.len && isdigit((unsigned char)json.ptr[i]))
            i++;
        if ((i == json.len || !strchr(".eE", json.ptr[i])) &&
            is_huge(span_of(json.ptr + begin, i - begin), begin > 0 && json.ptr[begin - 1] == '-'))
            return true;
        while (i < json.len && strchr("+-.eE0123456789", json.ptr[i]))
            i++;
        i--;
    }
    return false;
}
