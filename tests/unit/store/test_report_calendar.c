/* The buckets of a series, where the clock is changed and where it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "store/report_calendar.h"

#define MINUTE_SEC 60
#define HOUR_SEC 3600

static int64_t at(const char *text)
{
    int64_t usec;

    assert_int_equal(timestamp_parse(span_str(text), &usec), 0);
    return usec;
}

/* A zone whose clock changes once. */
struct change {
    const char *when;
    int32_t before_sec, after_sec;
};

static const struct change berlin_back = { "2026-10-25T01:00:00Z", 2 * HOUR_SEC, HOUR_SEC };
static const struct change lord_howe_back = { "2026-04-04T15:00:00Z", 11 * HOUR_SEC,
                                              630 * MINUTE_SEC };
static const struct change apia_skips = { "2011-12-30T10:00:00Z", -10 * HOUR_SEC, 14 * HOUR_SEC };
static const struct change sao_paulo_ahead = { "2018-11-04T03:00:00Z", -3 * HOUR_SEC,
                                               -2 * HOUR_SEC };
static const struct change sao_paulo_back = { "2018-02-18T02:00:00Z", -2 * HOUR_SEC,
                                              -3 * HOUR_SEC };
static const struct change st_johns_back = { "2010-11-07T02:31:00Z", -150 * MINUTE_SEC,
                                             -210 * MINUTE_SEC };
static const struct change havana_back = { "2026-11-01T05:00:00Z", -4 * HOUR_SEC, -5 * HOUR_SEC };
static const struct change kathmandu = { "2000-01-01T00:00:00Z", 345 * MINUTE_SEC,
                                         345 * MINUTE_SEC };

struct series {
    enum report_interval interval;
    const struct change *zone;
    const char *from, *to;
    const char *starts[8];
};

static const struct series table[] = {
    { INTERVAL_HOUR,
      &berlin_back,
      "2026-10-24T23:30:00Z",
      "2026-10-25T02:00:01Z",
      { "2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00",
        "2026-10-25T03:00:00+01:00" } },
    { INTERVAL_DAY,
      &berlin_back,
      "2026-10-24T10:00:00Z",
      "2026-10-25T23:00:01Z",
      { "2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00" } },
    { INTERVAL_HOUR,
      &lord_howe_back,
      "2026-04-04T14:00:00Z",
      "2026-04-04T16:00:00Z",
      { "2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30" } },
    { INTERVAL_DAY,
      &apia_skips,
      "2011-12-29T12:00:00Z",
      "2011-12-31T12:00:00Z",
      { "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00" } },
    { INTERVAL_DAY,
      &sao_paulo_ahead,
      "2018-11-03T12:00:00Z",
      "2018-11-05T12:00:00Z",
      { "2018-11-03T00:00:00-03:00", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00" } },
    { INTERVAL_DAY,
      &sao_paulo_back,
      "2018-02-17T12:00:00Z",
      "2018-02-18T12:00:00Z",
      { "2018-02-17T00:00:00-02:00", "2018-02-18T00:00:00-03:00" } },
    /* A minute into the day it is the day before once more. */
    { INTERVAL_DAY,
      &st_johns_back,
      "2010-11-07T02:30:30Z",
      "2010-11-07T12:00:00Z",
      { "2010-11-06T00:00:00-02:30", "2010-11-07T00:00:00-03:30" } },
    /* Midnight comes twice; the day begins at the first. */
    { INTERVAL_DAY,
      &havana_back,
      "2026-10-31T12:00:00Z",
      "2026-11-01T12:00:00Z",
      { "2026-10-31T00:00:00-04:00", "2026-11-01T00:00:00-04:00" } },
    { INTERVAL_HOUR,
      &kathmandu,
      "2026-10-20T00:20:00Z",
      "2026-10-20T01:15:00Z",
      { "2026-10-20T06:00:00+05:45" } },
    { INTERVAL_WEEK,
      &kathmandu,
      "2026-10-18T18:14:59Z",
      "2026-10-18T18:15:01Z",
      { "2026-10-12T00:00:00+05:45", "2026-10-19T00:00:00+05:45" } },
    { INTERVAL_MONTH,
      &kathmandu,
      "2024-01-31T20:00:00Z",
      "2024-03-01T00:00:00Z",
      { "2024-02-01T00:00:00+05:45", "2024-03-01T00:00:00+05:45" } },
    { INTERVAL_MONTH, &kathmandu, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", { NULL } },
    { INTERVAL_MINUTE,
      &kathmandu,
      "2026-10-20T00:00:59.999999Z",
      "2026-10-20T00:01:00.000001Z",
      { "2026-10-20T05:45:00+05:45", "2026-10-20T05:46:00+05:45" } },
};

static int make(const struct series *s, struct report_buckets *ret)
{
    struct report_offset offsets[] = {
        { at("1990-01-01T00:00:00Z"), s->zone->before_sec },
        { at(s->zone->when), s->zone->after_sec },
    };
    const struct report_zone zone = { offsets, ARRAY_SIZE(offsets) };

    return report_calendar(s->interval, &zone, (struct report_span){ at(s->from), at(s->to) }, ret);
}

/* They are the range, without gaps, and each contains what it is about. */
static void check_spans(const struct series *s, const struct report_buckets *b)
{
    int64_t end = at(s->from);

    for (int i = 0; i < b->count; i++) {
        assert_true(b->bucket[i].span.from_usec == end);
        assert_true(b->bucket[i].start_usec <= end);
        assert_true(b->bucket[i].span.to_usec > end);
        end = b->bucket[i].span.to_usec;
    }
    assert_true(end == at(s->to));
}

static void buckets_lie_on_the_clock(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct report_buckets b;
        int expected = 0;

        assert_int_equal(make(&table[i], &b), 0);
        check_spans(&table[i], &b);
        while (table[i].starts[expected])
            expected++;
        for (int k = 0; k < b.count && k < expected; k++) {
            _cleanup_strbuf_ struct strbuf text;
            struct json_out j;

            strbuf_init(&text, 64);
            json_out_init(&j, &text);
            report_local_time_write(&j, b.bucket[k].start_usec, b.bucket[k].offset_sec);
            assert_memory_equal(text.ptr + 1, table[i].starts[k], strlen(table[i].starts[k]));
        }
        assert_int_equal(b.count, expected);
        report_buckets_release(&b);
    }
}

static void too_many_are_refused(void **state UNUSED)
{
    struct series s = {
        INTERVAL_MINUTE, &kathmandu, "2026-10-01T00:00:00Z", "2026-10-07T22:40:00Z", { NULL }
    };
    struct report_buckets b;

    assert_int_equal(make(&s, &b), 0);
    assert_int_equal(b.count, REPORT_BUCKETS_MAX);
    report_buckets_release(&b);
    s.to = "2026-10-07T22:40:00.000001Z";
    assert_int_equal(make(&s, &b), -EDOM);
}

/* Every first of a month of a thousand years, by counting days. */
static void months_are_as_long_as_they_are(void **state UNUSED)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    struct series s = {
        INTERVAL_MONTH, &kathmandu, "1600-01-15T00:00:00Z", "2400-01-01T00:00:00Z", { NULL }
    };
    struct report_offset utc = { at("1500-01-01T00:00:00Z"), 0 };
    const struct report_zone zone = { &utc, 1 };
    struct report_buckets b;
    int64_t first = at("1600-01-01T00:00:00Z");

    assert_int_equal(
        report_calendar(s.interval, &zone, (struct report_span){ at(s.from), at(s.to) }, &b), 0);
    assert_int_equal(b.count, 800 * 12);
    for (int i = 0; i < b.count; i++) {
        int year = 1600 + i / 12, month = i % 12;
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

        assert_true(b.bucket[i].start_usec == first);
        first += (days[month] + (leap && month == 1)) * USEC_PER_DAY;
    }
    report_buckets_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_lie_on_the_clock),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(months_are_as_long_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
