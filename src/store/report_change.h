/* "change" of a report that compares its range with the one before: by how much, and in percent. */
#pragma once

#include "base/json_out.h"
#include "store/report.h"
#include "store/report_money.h"

/* The range of the same length that ends where the filter's begins. Both bounds are given. */
struct report_filter report_previous(const struct report_filter *f);

/* "name":{"absolute":-3,"percent":-12.5}; of amounts in hundredths where `money`. percent has at
 * most two decimals, rounded half away from zero, and is null when there was nothing before. */
void report_change_write(struct json_out *j, const char *name, report_money now,
                         report_money before, bool money);
