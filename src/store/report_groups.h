/* "groups" and "series" of the reports of events and of revenue. */
#pragma once

#include "base/json_out.h"
#include "base/macros.h"
#include "store/report_facts.h"
#include "store/report_money.h"
#include "store/report_query.h"

/* Writes "groups" and "groupCount" of the filter's group_by over the span. */
int report_groups_write(struct db *db, enum report_subject subject, const struct report_filter *f,
                        struct report_span span, struct json_out *j, struct strbuf *err) MUST_CHECK;

/* Writes "series" over the span; with groups in each bucket where the filter has group_by. -EDOM
 * with *err for the client: no such zone, or too many buckets. */
int report_series_write(struct db *db, enum report_subject subject, const struct report_filter *f,
                        struct report_span span, struct json_out *j, struct strbuf *err) MUST_CHECK;

/* Both of them as the filter asks, over its range; where it has no bound, that of what was found.
 */
int report_parts_write(struct db *db, enum report_subject subject, const struct report_filter *f,
                       const struct report_found *found, struct json_out *j,
                       struct strbuf *err) MUST_CHECK;

/* The members of a sum: totalEvents; or totalRevenue and transactionCount. */
void report_sum_write(struct json_out *j, enum report_subject subject, uint64_t count,
                      report_money cents);
