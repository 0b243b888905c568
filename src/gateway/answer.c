#include "gateway/answer.h"

#include "base/clock.h"
#include "base/json_out.h"

#define JSON_TYPE "application/json"

struct verdict {
    unsigned status;
    const char *code; /* NULL for 200 */
    const char *message;
    enum request_outcome outcome;
};

static struct verdict verdict_of(const struct pending *p)
{
    if (p->failure != FAILURE_NONE)
        return (struct verdict){ 503, failure_texts[p->failure].code,
                                 failure_texts[p->failure].message, REQUEST_FAILED };
    if (p->refusal)
        return (struct verdict){ p->refusal->status, p->refusal->code, p->message,
                                 REQUEST_REJECTED };
    if (p->accepted == 0 && p->shape == SHAPE_SINGLE)
        return (struct verdict){ 400, "invalid_event", p->message, REQUEST_REJECTED };
    if (p->accepted == 0)
        return (struct verdict){ 400, "invalid_events",
                                 "none of the events is valid; errors says why", REQUEST_REJECTED };
    if (p->rejected)
        return (struct verdict){ 200, NULL, "Some events were rejected; errors says why",
                                 REQUEST_PARTIAL };
    return (struct verdict){ 200, NULL,
                             p->shape == SHAPE_SINGLE ? "Event processed successfully"
                                                      : "Events processed successfully",
                             REQUEST_ACCEPTED };
}

static void put_str(struct json_out *j, const char *key, const char *value)
{
    json_key(j, key);
    json_str(j, value);
}

static void put_count(struct json_out *j, const char *key, uint64_t value)
{
    json_key(j, key);
    json_u64(j, value);
}

static void put_errors(struct json_out *j, const struct pending *p)
{
    json_key(j, "errors");
    json_array(j);
    if (p->errors.len)
        json_raw(j, strbuf_span(&p->errors));
    json_array_end(j);
    if (p->rejected > p->error_count) {
        json_key(j, "errorsTruncated");
        json_bool(j, true);
    }
}

static void put_success(struct json_out *j, const struct pending *p, const struct verdict *v)
{
    json_object(j);
    json_key(j, "success");
    json_bool(j, true);
    put_str(j, "message", v->message);
    if (p->shape == SHAPE_MANY) {
        put_count(j, "processed", p->accepted);
        put_count(j, "failed", p->rejected);
        put_count(j, "duplicates", p->duplicates);
        put_errors(j, p);
    }
    json_key(j, "correlationId");
    json_string(j, p->req->correlation_id);
    json_object_end(j);
}

/* The error shape with the events' errors in it. */
static void put_rejection(struct json_out *j, const struct pending *p, const struct verdict *v)
{
    char when[TIMESTAMP_TEXT_MAX];

    json_object(j);
    json_key(j, "success");
    json_bool(j, false);
    put_str(j, "error", v->message);
    put_str(j, "code", v->code);
    json_key(j, "correlationId");
    json_string(j, p->req->correlation_id);
    json_key(j, "timestamp");
    json_string(j, timestamp_format(clock_wall_usec(), when));
    put_errors(j, p);
    json_object_end(j);
}

static void reply(const struct pending *p, const struct verdict *v, struct strbuf *scratch)
{
    struct http_header retry = { "Retry-After", failure_texts[p->failure].retry_after };
    struct json_out j;

    if (v->outcome == REQUEST_FAILED || (p->refusal && p->error_count == 0)) {
        http_reply_error(p->req, v->status, v->code, v->message, &retry,
                         v->outcome == REQUEST_FAILED);
        return;
    }
    strbuf_reset(scratch);
    json_out_init(&j, scratch);
    if (v->status == 200)
        put_success(&j, p, v);
    else
        put_rejection(&j, p, v);
    if (strbuf_error(scratch))
        http_reply_error(p->req, 500, "internal", "the answer could not be written", NULL, 0);
    else
        http_reply(p->req, v->status, JSON_TYPE, strbuf_span(scratch), NULL, 0);
}

static void log_answer(const struct pending *p, const struct verdict *v, struct log *log)
{
    static const enum log_level levels[REQUEST_OUTCOME_COUNT] = { [REQUEST_ACCEPTED] = LOG_DEBUG,
                                                                  [REQUEST_PARTIAL] = LOG_INFO,
                                                                  [REQUEST_REJECTED] = LOG_INFO,
                                                                  [REQUEST_FAILED] = LOG_WARN };

    log_at(log, levels[v->outcome], v->code ? "request.refused" : "request.answered", v->message,
           KV_CORRELATION(p->req->correlation_id), KV_STR("path", p->req->path),
           KV_UINT("status", v->status), KV_STR("code", v->code ? v->code : "ok"),
           KV_UINT("accepted", p->accepted), KV_UINT("rejected", p->rejected),
           KV_UINT("duplicates", p->duplicates));
}

void answer_send(const struct pending *p, struct strbuf *scratch, struct gateway_metrics *metrics,
                 struct log *log)
{
    struct verdict v = verdict_of(p);

    metric_add(metrics->requests[v.outcome], 1);
    metric_observe(metrics->request_seconds,
                   (double)(clock_mono_usec() - p->req->started_usec) / 1e6);
    if (p->accepted + p->rejected)
        metric_observe(metrics->request_events, (double)p->accepted + p->rejected);
    /* Before the answer: what belongs to the request is gone after it. */
    log_answer(p, &v, log);
    reply(p, &v, scratch);
}
