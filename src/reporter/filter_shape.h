/*
 * Parameters that say in which shape the reports of events and revenue are: as a series, in groups,
 * beside the range before. Each takes a decoded value: 0, or -EINVAL.
 */
#pragma once

#include "base/macros.h"
#include "reporter/filter.h"

#define GROUP_LIMIT_DEFAULT 1000
#define GROUP_LIMIT_MAX 10000

int filter_take_interval(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_timezone(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_group_by(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_group_limit(struct filter_parser *p, struct span value) MUST_CHECK;
int filter_take_compare(struct filter_parser *p, struct span value) MUST_CHECK;

/* Whether they fit each other and the range. -EINVAL with p->err naming the parameter. */
int filter_check_shape(const struct filter_parser *p) MUST_CHECK;
