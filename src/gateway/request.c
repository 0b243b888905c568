#include "gateway/request.h"

#include <string.h>

#include "base/clock.h"
#include "gateway/answer.h"
#include "gateway/media.h"
#include "gateway/state.h"

static struct gateway_loop *loop_of(const struct http_request *req, void *ctx)
{
    struct service *service = ctx;
    struct gateway *gw = service->state;

    return &gw->loops[http_loop_index(req->loop)];
}

void request_done(struct pending *p)
{
    struct gateway_loop *loop = p->owner;
    struct gateway *gw = loop->gateway;

    if (p->req) {
        p->req->state = NULL;
        answer_send(p, &loop->answer, &gw->metrics, &gw->service->log);
    }
    pending_put(&loop->pool, p);
}

static void seal(struct pending *p)
{
    p->sealed = true;
    if (pending_done(p))
        request_done(p);
}

static void on_worker_done(struct http_post *post)
{
    struct pending *p = (struct pending *)((char *)post - offsetof(struct pending, post));

    seal(p);
}

static void hand_to_worker(struct gateway_loop *loop, struct pending *p)
{
    size_t len = MIN(p->input.correlation_id.len, sizeof(p->correlation));

    /* The request may go away while the worker has p. */
    memcpy(p->correlation, p->input.correlation_id.ptr, len);
    p->input.correlation_id = span_of(p->correlation, len);
    http_body_take(p->req, &p->body);
    p->post.fn = on_worker_done;
    p->with_worker = true;
    if (workers_submit(&loop->gateway->workers, p))
        return;
    p->with_worker = false;
    http_body_release(&p->body);
    pending_fail(p, FAILURE_OVERLOADED);
    seal(p);
}

/* False when it was refused. */
static bool read_headers(struct http_request *req, bool bulk, struct pending_input *ret_input)
{
    if (media_form(http_header(req, "Content-Type"), bulk, &ret_input->form) < 0) {
        http_reply_error(req, 415, "unsupported_media_type",
                         bulk ? "Content-Type must be application/json"
                              : "Content-Type must be application/json or application/x-ndjson",
                         NULL, 0);
        return false;
    }
    if (media_coding(http_header(req, "Content-Encoding"), &ret_input->gzip) < 0) {
        http_reply_error(req, 415, "unsupported_encoding",
                         "Content-Encoding must be gzip or absent", NULL, 0);
        return false;
    }
    return true;
}

static void on_request(struct http_request *req, struct gateway_loop *loop, bool bulk)
{
    struct gateway *gw = loop->gateway;
    struct pending_input input = { .body = req->body,
                                   .correlation_id = req->correlation_id,
                                   .received_usec = clock_wall_usec() };
    struct pending *p;

    if (!read_headers(req, bulk, &input)) {
        metric_add(gw->metrics.requests[REQUEST_REJECTED], 1);
        return;
    }
    p = pending_get(&loop->pool);
    if (!p) {
        const struct failure_text *text = &failure_texts[FAILURE_MEMORY];
        struct http_header retry = { "Retry-After", text->retry_after };

        metric_add(gw->metrics.requests[REQUEST_FAILED], 1);
        http_reply_error(req, 503, text->code, text->message, &retry, 1);
        return;
    }
    p->req = req;
    p->owner = loop;
    p->loop = loop->http;
    p->input = input;
    req->state = p;
    if (intake_take(&loop->intake, p) == INTAKE_TOO_BIG)
        hand_to_worker(loop, p);
    else
        seal(p);
}

void request_on_events(struct http_request *req, void *ctx)
{
    on_request(req, loop_of(req, ctx), /* bulk= */ false);
}

void request_on_bulk(struct http_request *req, void *ctx)
{
    on_request(req, loop_of(req, ctx), /* bulk= */ true);
}

void request_on_abort(struct http_request *req, void *ctx)
{
    struct gateway_loop *loop = loop_of(req, ctx);
    struct gateway *gw = loop->gateway;
    struct pending *p = req->state;

    metric_add(gw->metrics.requests[REQUEST_ABORTED], 1);
    log_warn(&gw->service->log, "request.aborted", "the request ended before its answer",
             KV_CORRELATION(req->correlation_id), KV_STR("path", req->path),
             KV_STR("then", "what was sent of it stays in the stream"));
    p->req = NULL;
    req->state = NULL;
    if (p->with_worker && workers_cancel(&gw->workers, p)) {
        http_body_release(&p->body);
        pending_put(&loop->pool, p);
    }
}
