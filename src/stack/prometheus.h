/* The private Prometheus, which scrapes every process of the stack. */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/child.h"
#include "stack/site.h"

struct prometheus_target {
    const char *job; /* "fb-collector" */
    uint32_t port;
};

/* Writes prometheus/prometheus.yml and the rules of deploy/prometheus/rules/; targets of one job
 * stand together. */
int prometheus_setup(const struct site *site, const struct prometheus_target *targets, size_t count,
                     struct strbuf *err) MUST_CHECK;
/* unit_kind.prepare */
int prometheus_prepare(const struct site *site, unsigned instance, struct child_spec *spec,
                       struct strbuf *err) MUST_CHECK;
