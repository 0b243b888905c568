/* Parts of a whole in answers. */
#pragma once

#include <stdint.h>

#include "base/json_out.h"

/* part / whole with at most four decimals, halves rounded up; null when the whole is nothing. */
static inline void report_ratio_write(struct json_out *j, uint64_t part, uint64_t whole)
{
    if (!whole)
        json_null(j);
    else
        json_double(j, (double)((part * 20000 + whole) / (whole * 2)) / 10000);
}
