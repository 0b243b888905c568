/* Parameters of the report on rejects. Each takes a decoded value: 0, or -EINVAL. */
#pragma once

#include "base/macros.h"
#include "reporter/filter.h"

#define REJECT_LIMIT_DEFAULT 100

int filter_take_reject_source(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_reason(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_correlation_id(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_reject_limit(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_sequence(struct filter_parser *p, struct span value) MUST_CHECK;
