/* Answers through MHD. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "service/http_private.h"

#define ERROR_MAX_BYTES (16 * 1024)

static void add_headers(struct exchange *ex, struct MHD_Response *response,
                        const char *content_type, const struct http_header *headers, size_t count)
{
    const struct http_server *s = ex->conn->loop->server;

    if (content_type)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    (void)MHD_add_response_header(response, "X-Correlation-Id", ex->req.correlation_id.ptr);
    for (size_t i = 0; i < count; i++)
        (void)MHD_add_response_header(response, headers[i].name, headers[i].value);
    if (ex->refusal.close || ex->conn->phase == CONN_STREAMING ||
        atomic_load_explicit(&s->draining, memory_order_relaxed))
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

static void log_answer(struct exchange *ex, unsigned status, uint64_t usec)
{
    struct log *log = ex->conn->loop->server->options.log;

    log_debug(log, "http.answer", "a request was answered", KV_CORRELATION(ex->req.correlation_id),
              KV_STR("method", ex->req.method), KV_STR("path", ex->req.path),
              KV_UINT("status", status), KV_UINT("usec", usec));
}

void http_send_response(struct exchange *ex, enum conn_phase phase, unsigned status,
                        const char *content_type, struct MHD_Response *response,
                        const struct http_header *headers, size_t count)
{
    struct http_conn *conn = ex->conn;
    uint64_t usec = clock_mono_usec() - ex->req.started_usec;
    enum MHD_Result queued = MHD_NO;

    /* From another thread, or twice, it would work most of the time: better to fail in the first
     * test. */
    assert(pthread_equal(pthread_self(), conn->loop->self) && !ex->replied);
    ex->replied = true;
    http_conn_set_phase(conn, phase);
    if (response)
        add_headers(ex, response, content_type, headers, count);
    stat_add(&conn->loop->answered, 1);
    http_metrics_answer(conn->loop->server, ex->route, status, usec);
    log_answer(ex, status, usec);
    /* Last: where its headers find no room, MHD ends the request, and the exchange is gone. */
    if (response) {
        queued = MHD_queue_response(conn->mhd, status, response);
        MHD_destroy_response(response);
    }
    if (queued != MHD_YES)
        http_conn_shut(conn);
    http_wait_end(conn);
}

void http_reply(struct http_request *req, unsigned status, const char *content_type,
                struct span body, const struct http_header *headers, size_t header_count)
{
    static char nothing[1];
    void *bytes = body.len ? (void *)(uintptr_t)body.ptr : nothing;

    http_send_response(exchange_of(req), CONN_SENDING, status, content_type,
                       MHD_create_response_from_buffer(body.len, bytes, MHD_RESPMEM_MUST_COPY),
                       headers, header_count);
}

void http_reply_take(struct http_request *req, unsigned status, const char *content_type,
                     char *body, size_t len, const struct http_header *headers, size_t header_count)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);

    if (!response)
        free(body);
    http_send_response(exchange_of(req), CONN_SENDING, status, content_type, response, headers,
                       header_count);
}

void http_reply_error_body(const struct http_request *req, const char *code, const char *message,
                           struct strbuf *out)
{
    char when[TIMESTAMP_TEXT_MAX];
    struct json_out j;

    json_out_init(&j, out);
    json_object(&j);
    json_key(&j, "success");
    json_bool(&j, false);
    json_key(&j, "error");
    json_str(&j, message);
    json_key(&j, "code");
    json_str(&j, code);
    json_key(&j, "correlationId");
    json_string(&j, req->correlation_id);
    json_key(&j, "timestamp");
    json_string(&j, timestamp_format(clock_wall_usec(), when));
    json_object_end(&j);
}

void http_reply_error(struct http_request *req, unsigned status, const char *code,
                      const char *message, const struct http_header *headers, size_t header_count)
{
    _cleanup_strbuf_ struct strbuf body;

    strbuf_init(&body, ERROR_MAX_BYTES);
    http_reply_error_body(req, code, message, &body);
    if (strbuf_error(&body)) {
        http_send_response(exchange_of(req), CONN_SENDING, status, NULL, NULL, NULL, 0);
        return;
    }
    http_reply(req, status, "application/json", strbuf_span(&body), headers, header_count);
}
