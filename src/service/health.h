/* The routes that every service has: health (docs/http-api.md) and metrics. */
#pragma once

#include "service/http.h"

#define HEALTH_ROUTE_COUNT 4
/* ctx of each must be set to the struct service. */
extern const struct http_route health_routes[HEALTH_ROUTE_COUNT];
