/* The gateway has no database: once a minute it sends its figures over the bus, and a collector
 * stores them in event_metrics. */
#pragma once

#include <stdint.h>

#include "base/strbuf.h"
#include "service/service.h"

/* One line a series: {"service","instance","metric","minute","value"}; minute is RFC 3339. Errors
 * stick in *out. */
void minute_render(const struct service *service, int64_t minute_usec, struct strbuf *out);

/* A service_minute_fn. */
void minute_publish(struct service *service, int64_t minute_usec);
