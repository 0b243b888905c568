#include "base/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int parse_u64(struct span s, uint64_t *ret)
{
    uint64_t v = 0;

    if (!s.len)
        return -EINVAL;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';

        if (digit > 9)
            return -EINVAL;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return -ERANGE;
    }
    *ret = v;
    return 0;
}

int parse_u32(struct span s, uint32_t *ret)
{
    uint64_t v;
    int r = parse_u64(s, &v);

    if (r < 0)
        return r;
    if (v > UINT32_MAX)
        return -ERANGE;
    *ret = (uint32_t)v;
    return 0;
}

int parse_i64(struct span s, int64_t *ret)
{
    bool negative = s.len && s.ptr[0] == '-';
    uint64_t v;
    int r = parse_u64(negative ? span_of(s.ptr + 1, s.len - 1) : s, &v);

    if (r < 0)
        return r;
    if (v > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

int parse_double(struct span s, double *ret)
{
    char text[64], *end;
    double v;

    if (!s.len || s.len >= sizeof(text) || !strchr("-.0123456789", s.ptr[0]))
        return -EINVAL;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    if (strspn(text, "+-.0123456789eE") != s.len)
        return -EINVAL;
    v = strtod(text, &end);
    if (*end)
        return -EINVAL;
    if (!isfinite(v))
        return -ERANGE;
    *ret = v;
    return 0;
}

int parse_bool(struct span s, bool *ret)
{
    static const struct {
        struct span name;
        bool value;
    } words[] = {
        { SPAN("true"), true }, { SPAN("false"), false }, { SPAN("yes"), true },
        { SPAN("no"), false },  { SPAN("on"), true },     { SPAN("off"), false },
        { SPAN("1"), true },    { SPAN("0"), false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!span_eq_nocase(s, words[i].name))
            continue;
        *ret = words[i].value;
        return 0;
    }
    return -EINVAL;
}

struct unit {
    struct span name;
    uint64_t factor;
};

/* Digits and then one of the units; `bare` says whether a number without a unit will do. */
static int parse_with_unit(struct span s, const struct unit *units, size_t n, uint64_t *ret)
{
    size_t digits = 0;
    uint64_t v;
    int r;

    while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9')
        digits++;
    r = parse_u64(span_of(s.ptr, digits), &v);
    if (r < 0)
        return r;
    s = span_of(s.ptr + digits, s.len - digits);
    for (size_t i = 0; i < n; i++) {
        if (!span_eq_nocase(s, units[i].name))
            continue;
        if (__builtin_mul_overflow(v, units[i].factor, &v))
            return -ERANGE;
        *ret = v;
        return 0;
    }
    return -EINVAL;
}

int parse_size(struct span s, uint64_t *ret)
{
    static const struct unit units[] = {
        { { "", 0 }, 1 },
        { SPAN("B"), 1 },
        { SPAN("K"), UINT64_C(1) << 10 },
        { SPAN("KB"), UINT64_C(1) << 10 },
        { SPAN("KiB"), UINT64_C(1) << 10 },
        { SPAN("M"), UINT64_C(1) << 20 },
        { SPAN("MB"), UINT64_C(1) << 20 },
        { SPAN("MiB"), UINT64_C(1) << 20 },
        { SPAN("G"), UINT64_C(1) << 30 },
        { SPAN("GB"), UINT64_C(1) << 30 },
        { SPAN("GiB"), UINT64_C(1) << 30 },
        { SPAN("T"), UINT64_C(1) << 40 },
        { SPAN("TB"), UINT64_C(1) << 40 },
        { SPAN("TiB"), UINT64_C(1) << 40 },
    };

    return parse_with_unit(s, units, ARRAY_SIZE(units), ret);
}

int parse_duration(struct span s, uint64_t *ret)
{
    static const struct unit units[] = {
        { SPAN("us"), 1 },
        { SPAN("ms"), 1000 },
        { SPAN("s"), UINT64_C(1000000) },
        { SPAN("m"), UINT64_C(60000000) },
        { SPAN("h"), UINT64_C(3600000000) },
        { SPAN("d"), UINT64_C(86400000000) },
    };

    if (span_eq(s, SPAN("0"))) {
        *ret = 0;
        return 0;
    }
    return parse_with_unit(s, units, ARRAY_SIZE(units), ret);
}
