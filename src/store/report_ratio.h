/* Parts of a whole in answers. */
#pragma once

#include <stdint.h>

#include "base/json_out.h"

/* part / whole with at most four decimals, halves rounded up; null when the whole is nothing. */
static inline void report_ratio_write(struct json_out *j, uint64_t part, uint64_t whole)
{
    uint64_t rounded = whole ? (part * 20000 + whole) / (whole * 2) : 0;

    if (whole)
        json_double(j, (double)rounded / 10000);
    else
        json_null(j);
}
