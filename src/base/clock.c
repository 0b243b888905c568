/* Calendar arithmetic follows "days from civil",
 * http://howardhinnant.github.io/date_algorithms.html */
#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* The times that can be written: years of four digits. */
#define SECONDS_FIRST INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define SECONDS_LAST INT64_C(253402300799)  /* 9999-12-31T23:59:59Z */

static int64_t now_nsec(clockid_t id)
{
    struct timespec ts;

    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t clock_wall_nsec(void)
{
    return now_nsec(CLOCK_REALTIME);
}

int64_t clock_wall_usec(void)
{
    return now_nsec(CLOCK_REALTIME) / 1000;
}

uint64_t clock_mono_usec(void)
{
    return (uint64_t)now_nsec(CLOCK_MONOTONIC) / 1000;
}

static int64_t days_from_civil(int64_t y, int m, int d)
{
    int64_t era, doe;
    int64_t yoe, doy;

    y -= m <= 2;
    era = (y >= 0 ? y : y - 399) / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, int *m, int *d)
{
    int64_t era, doe, yoe, doy, mp;

    z += 719468;
    era = (z >= 0 ? z : z - 146096) / 146097;
    doe = z - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

static bool leap(int y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int month_days(int y, int m)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return m == 2 && leap(y) ? 29 : days[m - 1];
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads exactly n digits; -1 if there are not n. */
static int digits(struct span *s, size_t n)
{
    int v = 0;

    if (s->len < n)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(s->ptr[i]))
            return -1;
        v = v * 10 + (s->ptr[i] - '0');
    }
    *s = span_of(s->ptr + n, s->len - n);
    return v;
}

static bool take(struct span *s, const char *any)
{
    if (!s->len || !strchr(any, s->ptr[0]) || s->ptr[0] == '\0')
        return false;
    *s = span_of(s->ptr + 1, s->len - 1);
    return true;
}

/* ".123456789": -1 when malformed, else microseconds. */
static int fraction(struct span *s)
{
    int usec = 0, n = 0;

    if (!take(s, "."))
        return 0;
    for (; s->len && is_digit(s->ptr[0]); n++) {
        if (n < 6)
            usec = usec * 10 + (s->ptr[0] - '0');
        *s = span_of(s->ptr + 1, s->len - 1);
    }
    if (n == 0 || n > 9)
        return -1;
    for (; n < 6; n++)
        usec *= 10;
    return usec;
}

static int zone_offset(struct span *s, int *ret_seconds)
{
    int sign, h, m;

    *ret_seconds = 0;
    if (take(s, "Zz"))
        return 0;
    if (!s->len)
        return -EBADMSG;
    sign = s->ptr[0] == '-' ? -1 : 1;
    if (!take(s, "+-"))
        return -EBADMSG;
    h = digits(s, 2);
    if (h < 0 || h > 23 || !take(s, ":"))
        return -EBADMSG;
    m = digits(s, 2);
    if (m < 0 || m > 59)
        return -EBADMSG;
    *ret_seconds = sign * (h * 3600 + m * 60);
    return 0;
}

int timestamp_parse(struct span s, int64_t *ret_usec)
{
    int y, mon, d, h, min, sec, usec, offset;
    int64_t seconds;

    y = digits(&s, 4);
    if (y < 0 || !take(&s, "-"))
        return -EBADMSG;
    mon = digits(&s, 2);
    if (mon < 1 || mon > 12 || !take(&s, "-"))
        return -EBADMSG;
    d = digits(&s, 2);
    if (d < 1 || d > month_days(y, mon) || !take(&s, "Tt "))
        return -EBADMSG;
    h = digits(&s, 2);
    if (h < 0 || h > 23 || !take(&s, ":"))
        return -EBADMSG;
    min = digits(&s, 2);
    if (min < 0 || min > 59 || !take(&s, ":"))
        return -EBADMSG;
    sec = digits(&s, 2);
    if (sec < 0 || sec > 60)
        return -EBADMSG;
    usec = fraction(&s);
    if (usec < 0 || zone_offset(&s, &offset) < 0 || s.len)
        return -EBADMSG;
    seconds = days_from_civil(y, mon, d) * 86400 + h * 3600 + min * 60 + sec - offset;
    if (seconds < SECONDS_FIRST || seconds > SECONDS_LAST)
        return -EBADMSG;
    *ret_usec = seconds * USEC_PER_SEC + usec;
    return 0;
}

int64_t clock_day_of(int64_t usec)
{
    return usec >= 0 ? usec / USEC_PER_DAY : -((-usec + USEC_PER_DAY - 1) / USEC_PER_DAY);
}

/* The last `count` digits of v, and `end` behind them. By hand: every request writes a time. */
static char *put(char *at, unsigned v, int count, char end)
{
    for (int i = count; i-- > 0; v /= 10)
        at[i] = (char)('0' + v % 10);
    at[count] = end;
    return at + count + 1;
}

struct span timestamp_format(int64_t usec, char buf[TIMESTAMP_TEXT_MAX])
{
    int64_t day = clock_day_of(usec), rest = usec - day * USEC_PER_DAY, y;
    unsigned us = (unsigned)(rest % USEC_PER_SEC), sec = (unsigned)(rest / USEC_PER_SEC);
    char *at = buf;
    int m, d;

    civil_from_days(day, &y, &m, &d);
    at = put(at, (unsigned)y, 4, '-');
    at = put(at, (unsigned)m, 2, '-');
    at = put(at, (unsigned)d, 2, 'T');
    at = put(at, sec / 3600, 2, ':');
    at = put(at, sec / 60 % 60, 2, ':');
    at = put(at, sec % 60, 2, '.');
    at = us % 1000 ? put(at, us, 6, 'Z') : put(at, us / 1000, 3, 'Z');
    *at = '\0';
    return span_of(buf, (size_t)(at - buf));
}

struct span date_format(int64_t day, char buf[DATE_TEXT_MAX])
{
    int64_t y;
    int m, d, n;

    civil_from_days(day, &y, &m, &d);
    n = snprintf(buf, DATE_TEXT_MAX, "%04d-%02d-%02d", (int)y % 10000, m, d);
    return span_of(buf, (size_t)n);
}
