/*
 * Parameters that say which rows of its list a report gives, and in which order. Each takes a
 * decoded value: 0, or -EINVAL.
 */
#pragma once

#include "base/macros.h"
#include "reporter/filter.h"

#define LIST_LIMIT_MAX 1000

int filter_take_sort(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_order(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_limit(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_offset(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_place(struct filter_parser *p, struct span value) MUST_CHECK;

/* What was not said becomes what the report does by itself. */
void filter_finish_list(struct filter_parser *p);
