/*
 * purchaseAmount: a decimal in a string, held as an integer of hundredths so that no binary float
 * ever touches it. Digits, an optional fraction of at most 2 digits, at most 15 digits before the
 * point; no sign, exponent or space.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

/* -EBADMSG when it is not such a decimal. */
int money_parse(struct span text, int64_t *ret_cents) MUST_CHECK;

/* "12.50": exactly two decimals. */
int money_format(struct strbuf *sb, int64_t cents);
