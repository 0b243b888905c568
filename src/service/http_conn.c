/* MHD's callbacks: a connection begins, a request line is there, headers are there, body bytes, all
 * is there, the request is over, the connection ends. All on the loop's thread. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "service/http_private.h"

static enum conn_list list_of(enum conn_phase phase)
{
    static const enum conn_list lists[] = {
        [CONN_IDLE] = LIST_IDLE,           [CONN_RECEIVING] = LIST_ACTIVE,
        [CONN_HANDLING] = LIST_ACTIVE,     [CONN_SENDING] = LIST_SENDING,
        [CONN_LINGERING] = LIST_LINGERING, [CONN_CLOSING] = LIST_CLOSING,
        [CONN_STREAMING] = LIST_STREAMING,
    };

    return lists[phase];
}

static bool is_inflight(enum conn_phase phase)
{
    return phase == CONN_RECEIVING || phase == CONN_HANDLING || phase == CONN_SENDING;
}

void http_conn_set_phase(struct http_conn *conn, enum conn_phase phase)
{
    struct http_loop *loop = conn->loop;
    enum conn_list from = list_of(conn->phase), to = list_of(phase);

    stat_add(&loop->inflight, (uint64_t)is_inflight(phase) - (uint64_t)is_inflight(conn->phase));
    conn->phase = phase;
    if (from == to)
        return;
    TAILQ_REMOVE(&loop->lists[from], conn, link);
    TAILQ_INSERT_TAIL(&loop->lists[to], conn, link);
    conn->since_usec = loop->now_usec;
}

void http_conn_shut(struct http_conn *conn)
{
    (void)shutdown(conn->fd, SHUT_RDWR);
    http_conn_set_phase(conn, CONN_CLOSING);
}

/* Counts it for its address, or ends it. */
static void admit(struct http_conn *conn)
{
    struct http_server *s = conn->loop->server;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    if (!s->clients || http_clients_enter(s->clients, info ? info->client_addr : NULL,
                                          conn->since_usec, &conn->client) == 0)
        return;
    http_metrics_cut(s, CUT_ADDRESS_LIMIT);
    http_conn_shut(conn);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_loop *loop = cls;
    struct http_conn *conn = *context;

    loop->progress = true;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        conn = calloc(1, sizeof(*conn));
        if (!conn)
            return; /* its first request is refused then */
        conn->loop = loop;
        conn->mhd = mhd;
        conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        conn->since_usec = loop->now_usec;
        TAILQ_INSERT_TAIL(&loop->lists[LIST_IDLE], conn, link);
        stat_add(&loop->connections, 1);
        *context = conn;
        admit(conn);
    } else if (conn) {
        TAILQ_REMOVE(&loop->lists[list_of(conn->phase)], conn, link);
        stat_add(&loop->connections, (uint64_t)-1);
        if (conn->client)
            http_clients_leave(loop->server->clients, conn->client);
        free(conn);
        *context = NULL;
    }
}

static struct http_conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/* Keeps of the URI what MHD is about to lose: the raw query, where the segments of an encoded path
 * end, and whether a NUL hides in it. */
static bool keep_uri(struct exchange *ex, const char *uri)
{
    const char *query = strchr(uri, '?');
    size_t path_len = query ? (size_t)(query - uri) : strlen(uri);

    ex->bad_path = memmem(uri, path_len, "%00", 3) != NULL;
    if (memchr(uri, '%', path_len)) {
        ex->raw_path = arena_span(&ex->arena, span_of(uri, path_len));
        if (!ex->raw_path.ptr)
            return false;
    }
    if (!query)
        return true;
    ex->query = arena_span(&ex->arena, span_str(query + 1));
    return ex->query.ptr != NULL;
}

/* Its result is the context of the calls that follow. */
static void *on_request_line(void *cls UNUSED, const char *uri, struct MHD_Connection *mhd)
{
    struct http_conn *conn = conn_of(mhd);
    struct exchange *ex = conn ? exchange_get(conn->loop, conn) : NULL;

    if (!ex)
        return NULL;
    if (!keep_uri(ex, uri ? uri : "")) {
        exchange_put(conn->loop, ex);
        return NULL;
    }
    conn->loop->progress = true;
    conn->exchange = ex;
    http_conn_set_phase(conn, CONN_RECEIVING);
    return ex;
}

static bool is_over_limit(const struct exchange *ex, uint64_t length, struct http_refusal *ret)
{
    const struct http_server *s = ex->conn->loop->server;
    uint64_t held = atomic_load_explicit(&s->inflight_bytes, memory_order_relaxed);

    if (ex->conn->client && !ex->route->vital &&
        !http_clients_request(s->clients, ex->conn->client, ex->req.started_usec))
        *ret = http_refusal_rate;
    else if (length > ex->route->body_max)
        *ret = http_refusal_too_large;
    else if (length && held + length > s->options.inflight_max_bytes)
        *ret = http_refusal_busy;
    else
        return false;
    return true;
}

/* MHD's first call: the headers are there, the body is not. */
static enum MHD_Result see_headers(struct exchange *ex, const char *method, const char *path,
                                   const char *version)
{
    struct http_framing framing;
    struct http_refusal refusal;
    bool refused;

    ex->begun = true;
    ex->req.method = method;
    ex->req.path = path;
    refused = http_framing_check(ex, version, &framing, &refusal);
    if (!exchange_name(ex))
        return MHD_NO;
    if (refused || http_route_find(ex, &refusal) || is_over_limit(ex, framing.length, &refusal))
        http_refuse_headers(ex, &framing, &refusal);
    else
        ex->expected = framing.length;
    return MHD_YES;
}

static enum MHD_Result see_body(struct exchange *ex, const char *data, size_t *len)
{
    size_t n = *len;
    int r;

    *len = 0;
    ex->conn->loop->progress = true;
    if (ex->replied || ex->refusal.status)
        return MHD_YES; /* discarded */
    r = http_body_add(ex, data, n, ex->expected);
    if (r < 0)
        http_refuse_body(ex, r == -E2BIG ? &http_refusal_too_large : &http_refusal_busy);
    return MHD_YES;
}

static bool is_crowded(const struct exchange *ex)
{
    const struct http_server *s = ex->conn->loop->server;

    return !ex->route->vital && atomic_load_explicit(&s->handled, memory_order_relaxed) >=
                                    s->options.inflight_max_requests;
}

static enum MHD_Result handle(struct exchange *ex)
{
    struct http_conn *conn = ex->conn;

    if (conn->wait == WAIT_PARKED) {
        http_wait_again(conn);
        return MHD_YES;
    }
    conn->loop->progress = true;
    if (ex->replied)
        return MHD_NO; /* a lingering client has sent all, or the answer could not be queued */
    if (!ex->refusal.status && is_crowded(ex))
        ex->refusal = http_refusal_crowded;
    if (ex->refusal.status) {
        http_refuse_reply(ex);
        return MHD_YES;
    }
    ex->req.body = span_of(ex->body_len ? ex->body : ex->empty, ex->body_len);
    http_conn_set_phase(conn, CONN_HANDLING);
    ex->route->handler(&ex->req, ex->route->ctx);
    if (!ex->replied)
        http_wait_begin(conn);
    return MHD_YES;
}

static enum MHD_Result on_access(void *cls UNUSED, struct MHD_Connection *mhd UNUSED,
                                 const char *url, const char *method, const char *version,
                                 const char *data, size_t *len, void **context)
{
    struct exchange *ex = *context;

    if (!ex)
        return MHD_NO;
    if (!ex->begun && ex->replied)
        return MHD_NO; /* given up while its headers came in */
    if (!ex->begun)
        return see_headers(ex, method, url, version);
    if (*len)
        return see_body(ex, data, len);
    return handle(ex);
}

/* Its client went away while it was parked. */
static void abandon(struct exchange *ex)
{
    http_wait_end(ex->conn);
    if (ex->route->aborted)
        ex->route->aborted(&ex->req, ex->route->ctx);
}

/* What MHD answered by itself: malformed lines, headers over the limit. */
static void count_mhd_refusal(const struct exchange *ex)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(ex->conn->mhd, MHD_CONNECTION_INFO_HTTP_STATUS);

    if (!info || info->http_status < 400)
        return;
    stat_add(&ex->conn->loop->answered, 1);
    stat_add(&ex->conn->loop->refused, 1);
    http_metrics_refused(ex->conn->loop->server,
                         info->http_status == MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE ||
                                 info->http_status == MHD_HTTP_URI_TOO_LONG
                             ? REFUSED_HEADERS_TOO_LARGE
                             : REFUSED_MALFORMED);
    http_metrics_answer(ex->conn->loop->server, NULL, info->http_status, 0);
}

static void on_completed(void *cls, struct MHD_Connection *mhd UNUSED, void **context,
                         enum MHD_RequestTerminationCode code UNUSED)
{
    struct http_loop *loop = cls;
    struct exchange *ex = *context;

    if (!ex)
        return;
    *context = NULL;
    loop->progress = true;
    if (!ex->replied && ex->conn->phase == CONN_HANDLING)
        abandon(ex);
    else if (!ex->replied)
        count_mhd_refusal(ex);
    ex->conn->exchange = NULL;
    http_conn_set_phase(ex->conn, CONN_IDLE);
    exchange_put(loop, ex);
}

/* Malformed input makes MHD talk: a matter for those who look for it. */
static PRINTF_LIKE(2, 0) void on_mhd_log(void *cls, const char *format, va_list ap)
{
    struct http_loop *loop = cls;
    struct log *log = loop->server->options.log;
    _cleanup_strbuf_ struct strbuf text;

    strbuf_init(&text, 512);
    if (!log_enabled(log, LOG_DEBUG))
        return;
    (void)strbuf_vaddf(&text, format, ap);
    log_debug(log, "http.library", "the HTTP library says",
              KV_SPAN("text", span_trim(strbuf_span(&text))));
}

int http_conn_start_daemon(struct http_loop *loop)
{
    const struct http_server_options *o = &loop->server->options;
    unsigned idle_seconds = (unsigned)MAX(o->idle_timeout_usec / USEC_PER_SEC, (uint64_t)1);

    loop->mhd = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_access, NULL, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, loop, MHD_OPTION_LISTEN_SOCKET,
        loop->server->listen_fd, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)o->header_max_bytes,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)loop->places, MHD_OPTION_CONNECTION_TIMEOUT,
        idle_seconds, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, loop,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, loop, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, loop, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    return loop->mhd ? 0 : -EIO;
}
