/*
 * Time. Wall-clock time is int64 microseconds since 1970-01-01T00:00:00Z (usec); intervals and
 * deadlines are uint64 microseconds of CLOCK_MONOTONIC (mono_usec), so that a step of the wall
 * clock never moves a timer.
 *
 * Text follows RFC 3339 (https://www.rfc-editor.org/rfc/rfc3339#section-5.6).
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"

#define USEC_PER_SEC INT64_C(1000000)
#define USEC_PER_MSEC INT64_C(1000)
#define NSEC_PER_SEC INT64_C(1000000000)
#define USEC_PER_DAY (INT64_C(86400) * USEC_PER_SEC)

int64_t clock_wall_usec(void);
int64_t clock_wall_nsec(void);
uint64_t clock_mono_usec(void);

/* Parses an RFC 3339 date-time with zone: any offset, up to 9 fraction digits (those beyond
 * microseconds are cut), `T` or `t` or a space between date and time, `Z` or `z`; `:60` is read as
 * the next second. -EBADMSG when it is anything else, an impossible date (Feb 30) included, and a
 * time whose year in UTC has not four digits any more (9999-12-31T23:00:00-01:00). */
int timestamp_parse(struct span text, int64_t *ret_usec) MUST_CHECK;

/* "2026-01-31T12:00:00.123Z": milliseconds, or microseconds when there are any below. For times
 * that timestamp_parse() gives: years of four digits. */
#define TIMESTAMP_TEXT_MAX 32
struct span timestamp_format(int64_t usec, char buf[TIMESTAMP_TEXT_MAX]);

/* Days since 1970-01-01 (UTC) of a time, rounding down for times before it; "2026-01-31" of a day.
 */
int64_t clock_day_of(int64_t usec);
#define DATE_TEXT_MAX 16
struct span date_format(int64_t day, char buf[DATE_TEXT_MAX]);
