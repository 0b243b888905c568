/* Digits of a numeric are base 10000, most significant first (numeric_recv() in PostgreSQL's
 * src/backend/utils/adt/numeric.c). Hundredths: groups before the point, one behind it. */
#include "store/cents.h"

#include "base/macros.h"
#include "store/wire.h"

#define HEADER_BYTES 8
/* 2^128 hundredths have 37 digits before the point. */
#define GROUPS_MAX 11
_Static_assert(HEADER_BYTES + 2 * GROUPS_MAX <= CENTS_BYTES_MAX, "a field without room");

void wire_field_cents(struct strbuf *sb, cents_sum cents)
{
    int16_t groups[GROUPS_MAX];
    cents_sum whole = cents / 100;
    size_t at = GROUPS_MAX, before;

    groups[--at] = (int16_t)(cents % 100 * 100);
    for (; whole > UINT64_MAX; whole /= 10000)
        groups[--at] = (int16_t)(whole % 10000);
    /* What fits into a register is divided there. */
    for (uint64_t rest = (uint64_t)whole; rest; rest /= 10000)
        groups[--at] = (int16_t)(rest % 10000);
    before = GROUPS_MAX - 1 - at;
    wire_put_i32(sb, (int32_t)(HEADER_BYTES + 2 * (before + 1)));
    wire_put_i16(sb, (int16_t)(before + 1));
    wire_put_i16(sb, (int16_t)((int)before - 1)); /* weight of the first group */
    wire_put_i16(sb, 0);                          /* sign: positive */
    wire_put_i16(sb, 2);                          /* digits behind the point */
    for (; at < GROUPS_MAX; at++)
        wire_put_i16(sb, groups[at]);
}
