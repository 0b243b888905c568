#include "store/report_calendar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define EPOCH_WEEKDAY 3 /* 1970-01-01 was a Thursday, the third day from Monday */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t local_usec(const struct report_offset *o, int64_t usec)
{
    return usec + o->offset_sec * USEC_PER_SEC;
}

static int offset_at(const struct report_zone *zone, int64_t usec)
{
    int i = zone->count - 1;

    while (i > 0 && zone->offsets[i].since_usec > usec)
        i--;
    return i;
}

/* Days since 1970 of the first of a month, counted from January 1970 as 0, and the month of a day
 * (http://howardhinnant.github.io/date_algorithms.html: years begin in March). */
static int64_t day_of_month(int64_t month)
{
    int64_t shifted = month - 2; /* from March 1970 */
    int64_t year = 1970 + floor_div(shifted, 12), in_year = shifted - floor_div(shifted, 12) * 12;
    int64_t era = floor_div(year, 400), of_era = year - era * 400;
    int64_t day = (153 * in_year + 2) / 5;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day - 719468;
}

static int64_t month_of_day(int64_t day)
{
    int64_t month = floor_div(day * 12, 365); /* never too early by more than a month or so */

    while (day_of_month(month) > day)
        month--;
    while (day_of_month(month + 1) <= day)
        month++;
    return month;
}

/* Days, weeks or months, numbered. */
static int64_t period_of(enum report_interval interval, int64_t day)
{
    switch (interval) {
    case INTERVAL_WEEK:
        return floor_div(day + EPOCH_WEEKDAY, 7);
    case INTERVAL_MONTH:
        return month_of_day(day);
    default:
        return day;
    }
}

static int64_t first_day_of(enum report_interval interval, int64_t period)
{
    switch (interval) {
    case INTERVAL_WEEK:
        return period * 7 - EPOCH_WEEKDAY;
    case INTERVAL_MONTH:
        return day_of_month(period);
    default:
        return period;
    }
}

/* The last moment at which it is not yet `local`: where the clock is set back over midnight, the
 * first midnight does not end the day. */
static int64_t moment_of(const struct report_zone *zone, int64_t local)
{
    int i = zone->count - 1;
    int64_t usec;

    while (i > 0 && local_usec(&zone->offsets[i], zone->offsets[i].since_usec) >= local)
        i--;
    usec = local - zone->offsets[i].offset_sec * USEC_PER_SEC;
    return i + 1 < zone->count ? MIN(usec, zone->offsets[i + 1].since_usec) : usec;
}

static int add(struct report_buckets *b, const struct report_zone *zone, int64_t start,
               struct report_span span)
{
    if (span.from_usec >= span.to_usec)
        return 0;
    if (b->count == REPORT_BUCKETS_MAX)
        return -EDOM;
    b->bucket[b->count++] = (struct report_bucket){
        .start_usec = start,
        .offset_sec = zone->offsets[offset_at(zone, start)].offset_sec,
        .span = span,
    };
    return 0;
}

static int add_periods(struct report_buckets *b, enum report_interval interval,
                       const struct report_zone *zone, struct report_span range)
{
    const struct report_offset *first = &zone->offsets[offset_at(zone, range.from_usec)];
    int64_t period = period_of(interval, clock_day_of(local_usec(first, range.from_usec)));
    int64_t start, end;
    int r = 0;

    start = moment_of(zone, first_day_of(interval, period) * USEC_PER_DAY);
    while (start > range.from_usec) /* the date was set back again since */
        start = moment_of(zone, first_day_of(interval, --period) * USEC_PER_DAY);
    for (; start < range.to_usec && r == 0; start = end) {
        end = moment_of(zone, first_day_of(interval, ++period) * USEC_PER_DAY);
        r = add(b, zone, start,
                (struct report_span){ MAX(start, range.from_usec), MIN(end, range.to_usec) });
    }
    return r;
}

static int add_steps(struct report_buckets *b, int64_t step, const struct report_zone *zone,
                     struct report_span range)
{
    int r = 0;

    for (int i = offset_at(zone, range.from_usec); i < zone->count && r == 0; i++) {
        const struct report_offset *o = &zone->offsets[i];
        int64_t shift = o->offset_sec * USEC_PER_SEC;
        int64_t until = i + 1 < zone->count ? MIN(o[1].since_usec, range.to_usec) : range.to_usec;
        int64_t at = MAX(o->since_usec, range.from_usec);

        while (at < until && r == 0) {
            int64_t bound = floor_div(at + shift, step) * step - shift;
            int64_t end = MIN(bound + step, until);
            r = add(b, zone, MAX(bound, o->since_usec), (struct report_span){ at, end });
            at = end;
        }
    }
    return r;
}

int report_calendar(enum report_interval interval, const struct report_zone *zone,
                    struct report_span range, struct report_buckets *ret)
{
    struct report_buckets b = { .bucket = calloc(REPORT_BUCKETS_MAX, sizeof(*b.bucket)) };
    int r;

    if (!b.bucket)
        return -ENOMEM;
    if (interval == INTERVAL_MINUTE)
        r = add_steps(&b, 60 * USEC_PER_SEC, zone, range);
    else if (interval == INTERVAL_HOUR)
        r = add_steps(&b, 3600 * USEC_PER_SEC, zone, range);
    else
        r = add_periods(&b, interval, zone, range);
    if (r < 0) {
        report_buckets_release(&b);
        return r;
    }
    *ret = b;
    return 0;
}

void report_buckets_release(struct report_buckets *b)
{
    free(b->bucket);
    b->bucket = NULL;
}

void report_local_time_write(struct json_out *j, int64_t usec, int32_t offset_sec)
{
    char date[DATE_TEXT_MAX], text[64];
    int64_t local = floor_div(usec, USEC_PER_SEC) + offset_sec;
    int64_t day = floor_div(local, 86400);
    int of_day = (int)(local - day * 86400), off = abs(offset_sec) / 60;
    int n = snprintf(text, sizeof(text), "%.*sT%02d:%02d:%02d%c%02d:%02d",
                     SPAN_ARG(date_format(day, date)), of_day / 3600, of_day / 60 % 60, of_day % 60,
                     offset_sec < 0 ? '-' : '+', off / 60, off % 60);

    json_string(j, span_of(text, (size_t)n));
}
