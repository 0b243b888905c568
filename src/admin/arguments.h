/*
 * Values of flags that several commands take. A flag that was not given leaves *ret as it is.
 * -EINVAL: *err names the flag, its value and what it takes.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "service/settings.h"

/* RFC 3339, or how long before now: 2h, 7d. Microseconds since 1970; in nanoseconds it fits too. */
int argument_time(const struct settings_flag *flag, int64_t now_usec, int64_t *ret_usec,
                  struct strbuf *err) MUST_CHECK;

/* The name of a source; *ret is its enum event_source. */
int argument_source(const struct settings_flag *flag, int *ret_source,
                    struct strbuf *err) MUST_CHECK;
