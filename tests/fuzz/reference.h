/* Second implementations of small readers, on other ways than the product's: regular expressions,
 * the C library's calendar, digits as text. What both say must be the same. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

bool reference_time(struct span text, int64_t *ret_usec);
#define REFERENCE_TIME_MAX 96
/* "2026-01-31T12:00:00.123456", the six digits always; false for years of more than four. */
bool reference_time_text(int64_t usec, char buf[REFERENCE_TIME_MAX]);

#define REFERENCE_DIGITS_MAX 32
/* The hundredths as a number in decimal, however large. */
bool reference_money(struct span text, char digits[REFERENCE_DIGITS_MAX]);

/* 0, -EINVAL or -ERANGE, as base/number.h has it. */
int reference_u64(struct span text, uint64_t *ret);
int reference_i64(struct span text, int64_t *ret);
int reference_size(struct span text, uint64_t *ret);
int reference_duration(struct span text, uint64_t *ret);
