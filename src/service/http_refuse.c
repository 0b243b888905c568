/*
 * Refusals by the server itself. While no body is to come MHD sends the answer. A short body is
 * discarded first, so that the connection lives on. In the midst of a long one MHD 0.9.75 takes no
 * answer (MHD_queue_response() refuses), and closing with bytes unread makes the kernel send a
 * reset that destroys the answer at the client: so the answer is written past MHD, our side is
 * shut, and what still comes is discarded for a while (nginx calls it a lingering close).
 */
#include <sys/socket.h>

#include "service/http_private.h"

#define DISCARD_MAX_BYTES (64 * 1024)
#define ANSWER_MAX_BYTES (8 * 1024)

const struct http_refusal http_refusal_too_large = {
    .status = 413,
    .reason = REFUSED_BODY_TOO_LARGE,
    .code = "body_too_large",
    .message = "the request body is larger than this path takes",
    .close = true,
};
const struct http_refusal http_refusal_busy = {
    .status = 503,
    .reason = REFUSED_BYTES_INFLIGHT,
    .code = "overloaded",
    .message = "too many request bodies are in memory; try again",
    .header = { "Retry-After", "1" },
    .close = true,
};
const struct http_refusal http_refusal_crowded = {
    .status = 503,
    .reason = REFUSED_REQUESTS_INFLIGHT,
    .code = "overloaded",
    .message = "too many requests wait for their answer; try again",
    .header = { "Retry-After", "1" },
};
const struct http_refusal http_refusal_rate = {
    .status = 429,
    .reason = REFUSED_RATE,
    .code = "rate_limited",
    .message = "more requests a second than one client may send; try again",
    .header = { "Retry-After", "1" },
};
const struct http_refusal http_refusal_slow = {
    .status = 408,
    .reason = REFUSED_SLOW,
    .code = "request_timeout",
    .message = "the request did not arrive in time",
    .close = true,
};
const struct http_refusal http_refusal_late = {
    .status = 503,
    .code = "timeout",
    .message = "the request could not be answered in time; try again",
    .header = { "Retry-After", "1" },
};
const struct http_refusal http_refusal_stopping = {
    .status = 503,
    .reason = REFUSED_STOPPING,
    .code = "stopping",
    .message = "the service stops; try again",
    .header = { "Retry-After", "1" },
    .close = true,
};

static const char *reason_of(unsigned status)
{
    const char *reason = MHD_get_reason_phrase_for(status);

    return reason ? reason : "Refused";
}

/* False: no memory. */
static bool build_answer(struct exchange *ex, const struct http_refusal *refusal,
                         struct strbuf *out)
{
    _cleanup_strbuf_ struct strbuf body;

    strbuf_init(&body, ANSWER_MAX_BYTES);
    http_reply_error_body(&ex->req, refusal->code, refusal->message, &body);
    (void)strbuf_addf(out,
                      "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\n"
                      "Content-Length: %zu\r\nConnection: close\r\nX-Correlation-Id: %.*s\r\n",
                      refusal->status, reason_of(refusal->status), body.len,
                      SPAN_ARG(ex->req.correlation_id));
    if (refusal->header.name)
        (void)strbuf_addf(out, "%s: %s\r\n", refusal->header.name, refusal->header.value);
    (void)strbuf_addf(out, "\r\n%s", body.ptr);
    return !strbuf_error(&body) && !strbuf_error(out);
}

void http_refuse_body(struct exchange *ex, const struct http_refusal *refusal)
{
    struct http_conn *conn = ex->conn;
    _cleanup_strbuf_ struct strbuf answer;

    strbuf_init(&answer, ANSWER_MAX_BYTES);
    ex->replied = true;
    if (!exchange_name(ex) || !build_answer(ex, refusal, &answer)) {
        http_conn_shut(conn);
        return;
    }
    /* The socket's buffer is empty, so that a short answer fits or the client is gone. */
    (void)send(conn->fd, answer.ptr, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(conn->fd, SHUT_WR);
    http_body_drop(ex);
    http_conn_set_phase(conn, CONN_LINGERING);
    stat_add(&conn->loop->answered, 1);
    stat_add(&conn->loop->refused, 1);
    http_metrics_refused(conn->loop->server, refusal->reason);
    http_metrics_answer(conn->loop->server, NULL, refusal->status, 0);
}

void http_refuse_reply(struct exchange *ex)
{
    const struct http_refusal *r = &ex->refusal;

    stat_add(&ex->conn->loop->refused, 1);
    http_metrics_refused(ex->conn->loop->server, r->reason);
    http_reply_error(&ex->req, r->status, r->code, r->message, &r->header, r->header.name ? 1 : 0);
}

void http_refuse_headers(struct exchange *ex, const struct http_framing *framing,
                         const struct http_refusal *refusal)
{
    bool body = framing->length || framing->chunked;

    ex->refusal = *refusal;
    if (refusal->status == 400 || (body && framing->expects_continue))
        http_refuse_reply(ex); /* queued before the body, which makes MHD close after it */
    else if (framing->chunked || framing->length > DISCARD_MAX_BYTES)
        http_refuse_body(ex, &ex->refusal);
}
