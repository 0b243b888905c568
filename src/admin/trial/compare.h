/* The reports of a window of time against what was sent into it. */
#pragma once

#include <stdint.h>

#include "admin/trial/tally.h"
#include "base/macros.h"
#include "base/strbuf.h"

/* How many events a window holds by the events report. <0 with *err. */
int compare_count(const char *reporter, int64_t from_usec, int64_t to_usec, uint64_t *ret,
                  struct strbuf *err) MUST_CHECK;

/* Compares every figure of the three reports. *ret_compared: how many; *differences: a line for
 * each that is not as it must be, empty when all are. <0 with *err when a report cannot be had. */
int compare_reports(const char *reporter, int64_t from_usec, int64_t to_usec, const struct tally *t,
                    unsigned *ret_compared, struct strbuf *differences,
                    struct strbuf *err) MUST_CHECK;
