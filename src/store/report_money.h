/*
 * Amounts of money in hundredths, exact: sums of PostgreSQL's numeric come and go as text. 128 bits
 * hold more than every amount that can be stored.
 */
#pragma once

#include "base/json_out.h"
#include "base/macros.h"
#include "base/span.h"

typedef __int128 report_money;

/* "12.5", "-3" or "1234567890123456.78"; at most two decimals. -EINVAL when it is anything else. */
int report_money_parse(struct span text, report_money *ret) MUST_CHECK;

/* A number with exactly two decimals. */
void report_money_write(struct json_out *j, report_money cents);
