/* The routes that every service has: health (docs/http-api.md) and metrics. */
#pragma once

#include "service/service.h"

#define HEALTH_ROUTE_COUNT 4
/* ctx of each must be set to the struct service. */
extern const struct http_route health_routes[HEALTH_ROUTE_COUNT];

#define HEALTH_DEPENDENCIES_MAX 4

/* What a gauge reads its dependency by. */
struct health_gauge {
    struct service *service;
    const struct service_dependency *dependency;
};

/* Registers sluice_dependency_up{dependency} for each dependency of the role. `gauges` MUST live as
 * long as the metrics. Start only. */
void health_metrics_add(struct service *s, struct health_gauge gauges[HEALTH_DEPENDENCIES_MAX]);
