#include "reference.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "fuzz.h"

#define TEXT_MAX 128 /* no time or amount is so long */

/* Whether the whole text matches; a compiled expression is kept by its caller. */
static bool matches(regex_t *re, bool *compiled, const char *pattern, struct span text,
                    char copy[TEXT_MAX])
{
    if (!*compiled)
        EXPECT(regcomp(re, pattern, REG_EXTENDED | REG_NOSUB) == 0);
    *compiled = true;
    if (text.len >= TEXT_MAX || (text.len && memchr(text.ptr, '\0', text.len)))
        return false;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return regexec(re, copy, 0, NULL, 0) == 0;
}

/* ---- times ---- */

#define TIME_PATTERN                                                                               \
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"                \
    "(\\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
#define SECONDS_FIRST INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define SECONDS_LAST INT64_C(253402300799)  /* 9999-12-31T23:59:59Z */

static int64_t fraction_of(const char *text)
{
    char digits[7] = "000000";

    for (size_t i = 0; text[0] == '.' && i < 6 && text[i + 1] >= '0' && text[i + 1] <= '9'; i++)
        digits[i] = text[i + 1];
    return strtoll(digits, NULL, 10);
}

static int64_t offset_of(const char *copy, size_t len)
{
    int hours, minutes;

    if (strpbrk(copy + len - 1, "Zz"))
        return 0;
    EXPECT(sscanf(copy + len - 5, "%2d:%2d", &hours, &minutes) == 2);
    return (copy[len - 6] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

bool reference_time(struct span text, int64_t *ret_usec)
{
    static regex_t re;
    static bool compiled;
    struct tm tm = { 0 }, same;
    char copy[TEXT_MAX];
    int64_t seconds;
    time_t t;
    int sec;

    if (!matches(&re, &compiled, TIME_PATTERN, text, copy))
        return false;
    EXPECT(sscanf(copy, "%4d-%2d-%2d%*c%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                  &tm.tm_hour, &tm.tm_min, &sec) == 6);
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    same = tm;
    t = timegm(&same); /* puts right what is no date: then it was none */
    if (same.tm_mon != tm.tm_mon || same.tm_mday != tm.tm_mday || same.tm_year != tm.tm_year)
        return false;
    seconds = t + sec - offset_of(copy, text.len);
    if (seconds < SECONDS_FIRST || seconds > SECONDS_LAST)
        return false;
    *ret_usec = seconds * USEC_PER_SEC + fraction_of(copy + 19);
    return true;
}

bool reference_time_text(int64_t usec, char buf[REFERENCE_TIME_MAX])
{
    int64_t fraction = (usec % USEC_PER_SEC + USEC_PER_SEC) % USEC_PER_SEC;
    time_t seconds = (usec - fraction) / USEC_PER_SEC;
    struct tm tm;

    if (seconds < SECONDS_FIRST || seconds > SECONDS_LAST || !gmtime_r(&seconds, &tm))
        return false;
    (void)snprintf(buf, REFERENCE_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%06d", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)fraction);
    return true;
}

/* ---- money ---- */

bool reference_money(struct span text, char digits[REFERENCE_DIGITS_MAX])
{
    static regex_t re;
    static bool compiled;
    char copy[TEXT_MAX], all[TEXT_MAX + 2];
    const char *point, *first;
    size_t whole;

    if (!matches(&re, &compiled, "^[0-9]{1,15}(\\.[0-9]{1,2})?$", text, copy))
        return false;
    point = strchr(copy, '.');
    whole = point ? (size_t)(point - copy) : text.len;
    (void)snprintf(all, sizeof(all), "%.*s%s00", (int)whole, copy, point ? point + 1 : "");
    all[whole + 2] = '\0';
    for (first = all; *first == '0' && first[1];)
        first++;
    (void)snprintf(digits, REFERENCE_DIGITS_MAX, "%.17s", first); /* 15 and 2 at most */
    return true;
}

/* ---- numbers ---- */

typedef unsigned __int128 wide;

struct reference_unit {
    const char *name;
    uint64_t factor;
};

/* A wide number stops growing where no 64-bit number is. */
static int read_number(const char *digits, size_t n, uint64_t factor, uint64_t *ret)
{
    wide v = 0;

    if (n == 0)
        return -EINVAL;
    for (size_t i = 0; i < n && v <= UINT64_MAX; i++)
        v = v * 10 + (wide)(digits[i] - '0');
    if (v > UINT64_MAX || v * factor > UINT64_MAX)
        return -ERANGE;
    *ret = (uint64_t)(v * factor);
    return 0;
}

/* Too large by itself is told before what the unit is. */
static int read_with_unit(struct span text, const struct reference_unit *units, uint64_t *ret)
{
    size_t n = 0;
    uint64_t plain;
    int r;

    while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9')
        n++;
    r = read_number(text.ptr, n, 1, &plain);
    if (r < 0)
        return r;
    for (; units->name; units++)
        if (strlen(units->name) == text.len - n &&
            strncasecmp(units->name, text.ptr + n, text.len - n) == 0)
            return read_number(text.ptr, n, units->factor, ret);
    return -EINVAL;
}

int reference_u64(struct span text, uint64_t *ret)
{
    static const struct reference_unit none[] = { { "", 1 }, { 0 } };

    return read_with_unit(text, none, ret);
}

int reference_i64(struct span text, int64_t *ret)
{
    bool negative = text.len && text.ptr[0] == '-';
    uint64_t v;
    int r = reference_u64(negative ? span_of(text.ptr + 1, text.len - 1) : text, &v);

    if (r < 0)
        return r;
    if (v > (negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX))
        return -ERANGE;
    *ret = (int64_t)(negative ? 0 - v : v);
    return 0;
}

int reference_size(struct span text, uint64_t *ret)
{
    static const struct reference_unit units[] = {
        { "", 1 },
        { "b", 1 },
        { "k", 1 << 10 },
        { "kb", 1 << 10 },
        { "kib", 1 << 10 },
        { "m", 1 << 20 },
        { "mb", 1 << 20 },
        { "mib", 1 << 20 },
        { "g", 1 << 30 },
        { "gb", 1 << 30 },
        { "gib", 1 << 30 },
        { "t", UINT64_C(1) << 40 },
        { "tb", UINT64_C(1) << 40 },
        { "tib", UINT64_C(1) << 40 },
        { 0 },
    };

    return read_with_unit(text, units, ret);
}

int reference_duration(struct span text, uint64_t *ret)
{
    static const struct reference_unit units[] = {
        { "us", 1 },
        { "ms", 1000 },
        { "s", 1000000 },
        { "m", 60 * 1000000 },
        { "h", UINT64_C(3600) * 1000000 },
        { "d", UINT64_C(86400) * 1000000 },
        { 0 },
    };

    if (span_eq(text, SPAN("0"))) {
        *ret = 0;
        return 0;
    }
    return read_with_unit(text, units, ret);
}
