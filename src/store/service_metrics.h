/*
 * The table event_metrics: one row per service instance, metric and minute. Written once: a row
 * that exists stays as it is.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "store/db.h"

struct service_metric_row {
    struct span service;  /* "gateway" */
    struct span instance; /* unique per process start: host, pid and start time */
    struct span metric;   /* name with labels as Prometheus writes it */
    int64_t minute_usec;  /* start of the minute, UTC */
    double value;         /* of the counter or gauge at the end of the minute */
};

/* Deletes some rows that are older than so many days. *ret_deleted: how many; 0 = none are left. 0
 * or a db_outcome. */
int service_metrics_prune(struct db *db, uint32_t days, uint64_t *ret_deleted,
                          struct strbuf *err) MUST_CHECK;

/* 0 or a db_outcome. */
int service_metrics_store(struct db *db, const struct service_metric_row *rows, size_t count,
                          struct strbuf *err) MUST_CHECK;
