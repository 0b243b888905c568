/* "groups" of a revenue report that its sums have already: by source, by campaign, by both. */
#pragma once

#include "base/json_out.h"
#include "base/macros.h"
#include "store/report_revenue_read.h"

/* Whether the filter asks for such groups and no series. */
bool report_revenue_has_groups(const struct report_filter *f);

/* Writes "groups" and "groupCount", as report_groups_write() does. 0 or -ENOMEM. */
int report_revenue_groups_write(const struct report_revenue *v, const struct report_filter *f,
                                struct json_out *j) MUST_CHECK;
