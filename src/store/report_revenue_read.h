/* The sums that a revenue report is made of. */
#pragma once

#include "base/macros.h"
#include "store/report_cells.h"
#include "store/report_query.h"

/* Of a row. */
enum report_revenue_part { REVENUE_SOURCE, REVENUE_CAMPAIGN, REVENUE_CURRENCY };

/* By source, campaign and currency, in the order of the campaigns. */
struct report_revenue {
    struct report_row *rows; /* owned */
    size_t count;
    PGresult *result; /* holds the texts, unless the cache does */
    struct report_found found;
};

/* What the filter keeps, in all currencies. *ret is to be released whatever came of it. */
int report_revenue_read(struct db *db, const struct report_filter *f, struct report_revenue *ret,
                        struct strbuf *err) MUST_CHECK;
void report_revenue_release(struct report_revenue *v);
