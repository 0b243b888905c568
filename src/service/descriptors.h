/* How many descriptors the process may have. */
#pragma once

#include <stdint.h>

/* Raises the soft limit, which is often 1024 where far more are allowed, to the hard one. Returns
 * the limit in force; UINT64_MAX: none is known. */
uint64_t descriptors_raise(void);

/* How many of the wanted connections fit under the limit beside `own` descriptors of the process
 * itself; at least one, and under a tight limit a quarter of it. */
uint32_t descriptors_fit(uint64_t limit, uint64_t own, uint32_t wanted);
