/*
 * GET /reports/...: the query is checked and the answer is sent here, on the request's loop; in
 * between the pool asks the database and writes the answer.
 */
#include <errno.h>

#include "base/clock.h"
#include "reporter/state.h"
#include "store/db.h"

static const struct http_header retry_soon = { "Retry-After", "1" };
static const struct http_header retry_later = { "Retry-After", "5" };

static struct reporter *reporter_of(void *ctx)
{
    struct service *s = ctx;

    return s->state;
}

static void refuse(struct reporter *r, struct http_request *req, enum report_kind kind,
                   enum report_failure failure, const char *message)
{
    static const struct {
        unsigned status;
        const char *code;
        const struct http_header *header;
    } answers[FAILURE_COUNT] = {
        [FAILURE_BAD_REQUEST] = { 400, "bad_parameter", NULL },
        [FAILURE_NOT_FOUND] = { 404, "not_found", NULL },
        [FAILURE_DATABASE] = { 503, "database_unavailable", &retry_later },
        [FAILURE_NATS] = { 503, "nats_unavailable", &retry_later },
        [FAILURE_TIMEOUT] = { 503, "report_timeout", &retry_later },
        [FAILURE_OVERLOAD] = { 503, "overloaded", &retry_soon },
        [FAILURE_INTERNAL] = { 500, "internal_error", NULL },
    };
    const struct http_header *header = answers[failure].header;

    metric_add(r->failed[kind][failure], 1);
    http_reply_error(req, answers[failure].status, answers[failure].code, message, header,
                     header ? 1 : 0);
}

static void answer(struct reporter *r, struct job *job)
{
    enum report_kind kind = job->parser.kind;

    metric_add(r->generated[kind], 1);
    metric_observe(r->duration[kind], (double)job->took_usec / (double)USEC_PER_SEC);
    rendition_send(&job->rendition, job->request, report_kind_names[kind]);
}

/* What the database says is for the log; clients get a line without its insides. */
static void answer_failure(struct reporter *r, struct job *job)
{
    enum report_kind kind = job->parser.kind;

    if (job->outcome == -EDOM) {
        refuse(r, job->request, kind, FAILURE_BAD_REQUEST, job->err.ptr);
        return;
    }
    if (job->outcome == -ENOENT && kind != REPORT_REJECTS) {
        refuse(r, job->request, kind, FAILURE_NOT_FOUND, job->err.ptr);
        return;
    }
    log_warn(&r->service->log, "report.failed", "a report could not be made",
             KV_CORRELATION(job->request->correlation_id),
             KV_STR("report", report_kind_names[kind]), KV_BUF("error", &job->err),
             KV_UINT("tookMs", job->took_usec / (uint64_t)USEC_PER_MSEC));
    if (kind == REPORT_REJECTS && job->outcome != -ENOMEM && job->outcome != -ENOBUFS)
        refuse(r, job->request, kind, FAILURE_NATS,
               job->outcome == -ENOENT ? "NATS has no stream of dead letters; the gateway makes it"
                                       : "NATS does not answer: dead letters cannot be read");
    else if (job->timed_out)
        refuse(r, job->request, kind, FAILURE_TIMEOUT,
               "the report took longer than it may: ask for a shorter range");
    else if (job->outcome == DB_DATA_FAULT || job->outcome < 0)
        refuse(r, job->request, kind, FAILURE_INTERNAL, "the report could not be made");
    else
        refuse(r, job->request, kind, FAILURE_DATABASE, "the database does not answer");
}

void reports_done(void *ctx, struct job *job)
{
    struct reporter *r = ctx;

    if (job->outcome == 0)
        answer(r, job);
    else
        answer_failure(r, job);
}

static int take_parameter(void *ctx, struct span name, struct span value)
{
    return filter_parser_take(ctx, name, value);
}

static int read_query(struct job *job, enum report_kind kind, const char *default_currency)
{
    int r;

    filter_parser_init(&job->parser, kind, default_currency, &job->filter, &job->err);
    r = filter_parser_path(&job->parser, job->request->segments);
    if (r == 0)
        r = http_query_each(job->request, take_parameter, &job->parser);
    return r == 0 ? filter_parser_finish(&job->parser) : r;
}

static void handle(struct reporter *r, struct http_request *req, enum report_kind kind)
{
    _cleanup_(job_freep) struct job *job = job_new();
    int result;

    if (!job) {
        refuse(r, req, kind, FAILURE_INTERNAL, "out of memory");
        return;
    }
    job->request = req;
    result = read_query(job, kind, r->service->settings.default_currency);
    if (result == -EINVAL) {
        refuse(r, req, kind, FAILURE_BAD_REQUEST, job->err.ptr);
        return;
    }
    if (result == 0)
        result = rendition_ask(&job->rendition, req, job->parser.format);
    if (result == 0)
        result = pool_submit(kind == REPORT_REJECTS ? r->rejects : r->pool, job);
    if (result < 0)
        refuse(r, req, kind, FAILURE_OVERLOAD, "too many reports are waiting");
    else
        req->state = TAKE_PTR(job);
}

void reports_handle_events(struct http_request *req, void *ctx)
{
    handle(reporter_of(ctx), req, REPORT_EVENTS);
}

void reports_handle_revenue(struct http_request *req, void *ctx)
{
    handle(reporter_of(ctx), req, REPORT_REVENUE);
}

void reports_handle_demographics(struct http_request *req, void *ctx)
{
    handle(reporter_of(ctx), req, REPORT_DEMOGRAPHICS);
}

void reports_handle_funnel(struct http_request *req, void *ctx)
{
    handle(reporter_of(ctx), req, REPORT_FUNNEL);
}

void reports_handle_campaigns(struct http_request *req, void *ctx)
{
    handle(reporter_of(ctx), req, REPORT_CAMPAIGNS);
}

void reports_handle_user(struct http_request *req, void *ctx)
{
    handle(reporter_of(ctx), req, REPORT_USER);
}

void reports_handle_event(struct http_request *req, void *ctx)
{
    handle(reporter_of(ctx), req, REPORT_EVENT);
}

void reports_handle_requests(struct http_request *req, void *ctx)
{
    handle(reporter_of(ctx), req, REPORT_REQUESTS);
}

void reports_handle_rejects(struct http_request *req, void *ctx)
{
    handle(reporter_of(ctx), req, REPORT_REJECTS);
}

void reports_aborted(struct http_request *req, void *ctx)
{
    struct reporter *r = reporter_of(ctx);
    struct job *job = req->state;

    metric_add(r->failed[job->parser.kind][FAILURE_GONE], 1);
    pool_drop(job->pool, job);
}
