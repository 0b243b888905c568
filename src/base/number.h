/*
 * Numbers from text, parsed whole or refused: no leading or trailing space, no sign where none is
 * meant, no overflow. All return -EINVAL for text that is not such a number and -ERANGE for one
 * that does not fit. Thread-safe, no allocation.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"

int parse_u64(struct span text, uint64_t *ret) MUST_CHECK;
int parse_u32(struct span text, uint32_t *ret) MUST_CHECK;
int parse_i64(struct span text, int64_t *ret) MUST_CHECK;
int parse_double(struct span text, double *ret) MUST_CHECK;
int parse_bool(struct span text, bool *ret) MUST_CHECK; /* true/false, yes/no, on/off, 1/0 */

/* "64M", "10G", "512", "64MiB", "1.5G" is refused; units are powers of 1024. */
int parse_size(struct span text, uint64_t *ret_bytes) MUST_CHECK;

/* "250ms", "5s", "2m", "1h", "7d"; a bare number is refused except "0". */
int parse_duration(struct span text, uint64_t *ret_usec) MUST_CHECK;
