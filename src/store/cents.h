/*
 * Sums of money in hundredths, exact: one amount may have 17 digits, so that the sum of many does
 * not fit into 64 bits. And money as a field of PostgreSQL's type numeric.
 */
#pragma once

#include "base/strbuf.h"

__extension__ typedef unsigned __int128 cents_sum;

/* The most bytes of such a field beside its length, WIRE_FIELD_MAX apart. */
#define CENTS_BYTES_MAX 32

/* Writes the field into room that was made before, as those of store/wire.h do. */
void wire_field_cents(struct strbuf *sb, cents_sum cents);
