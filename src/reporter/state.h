/* What the reporter's files share: the role's state behind service.state. */
#pragma once

#include "base/macros.h"
#include "reporter/filter.h"
#include "reporter/live.h"
#include "reporter/monitor.h"
#include "reporter/page.h"
#include "reporter/pool.h"
#include "reporter/samples.h"
#include "service/service.h"

/* Why a report was not given. */
enum report_failure {
    FAILURE_BAD_REQUEST,
    FAILURE_NOT_FOUND, /* no such user or event */
    FAILURE_DATABASE,
    FAILURE_NATS,
    FAILURE_TIMEOUT,
    FAILURE_OVERLOAD,
    FAILURE_INTERNAL,
    FAILURE_GONE, /* nobody waited for it any more */
    FAILURE_COUNT
};

struct reporter {
    struct service *service;
    struct pool *pool; /* asks the database */
    struct report_cache *cache;
    struct pool *rejects; /* reads dead letters */
    struct monitor *monitor;
    struct samples *samples;
    struct page *page;
    struct live *live;
    struct metric_counter *generated[REPORT_COUNT];
    struct metric_histogram *duration[REPORT_COUNT];
    struct metric_counter *failed[REPORT_COUNT][FAILURE_COUNT];
};

void reporter_metrics_register(struct reporter *r);

/* GET /reports/... : ctx is the service. */
void reports_handle_events(struct http_request *req, void *ctx);
void reports_handle_revenue(struct http_request *req, void *ctx);
void reports_handle_demographics(struct http_request *req, void *ctx);
void reports_handle_funnel(struct http_request *req, void *ctx);
void reports_handle_campaigns(struct http_request *req, void *ctx);
void reports_handle_user(struct http_request *req, void *ctx);
void reports_handle_event(struct http_request *req, void *ctx);
void reports_handle_requests(struct http_request *req, void *ctx);
void reports_handle_rejects(struct http_request *req, void *ctx);
void reports_aborted(struct http_request *req, void *ctx);
/* job_done_fn; ctx is the reporter. */
void reports_done(void *ctx, struct job *job);
