/* A line is built in a capped buffer on the stack of its thread's heap and written at once, so that
 * lines of several threads and processes on one file never mix. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_out.h"

const char *const log_level_names[LOG_LEVEL_COUNT] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

const char *const log_format_names[LOG_FORMAT_COUNT] = {
    [LOG_JSON] = "json",
    [LOG_TEXT] = "text",
};

/* Room that a cut line keeps for its end. */
#define TAIL_BYTES 64
/* A longer message is cut. */
#define MESSAGE_MAX 2048

void log_init(struct log *log, const char *service, enum log_level level, enum log_format format)
{
    log->service = service;
    log->level = level;
    log->format = format;
    log->fd = STDERR_FILENO;
    log->is_socket = false;
    atomic_init(&log->torn, false);
    atomic_init(&log->dropped, 0);
}

/* O_NONBLOCK belongs to the open file, which standard error shares with others (a shell, the rest
 * of a pipeline): so the file is opened anew. A socket cannot be, but can be told with each send.
 */
void log_never_wait(struct log *log)
{
    struct stat st;
    char path[32];
    int fd;

    if (fstat(log->fd, &st) < 0)
        return;
    log->is_socket = S_ISSOCK(st.st_mode);
    if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
        return;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", log->fd);
    fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        log->fd = fd;
}

static void put_value(struct json_out *j, const struct log_kv *kv)
{
    switch (kv->kind) {
    case KV_KIND_STR:
        json_string(j, kv->str);
        break;
    case KV_KIND_I64:
        json_i64(j, kv->i64);
        break;
    case KV_KIND_U64:
        json_u64(j, kv->u64);
        break;
    case KV_KIND_DBL:
        json_double(j, kv->dbl);
        break;
    case KV_KIND_BOOL:
        json_bool(j, kv->flag);
        break;
    }
}

/* Adds `"key":value`; a field that does not fit is left out and the line says so. */
static bool put_field(struct json_out *j, const struct log_kv *kv)
{
    size_t before = j->sb->len;
    bool comma = j->comma;

    json_key(j, kv->key);
    put_value(j, kv);
    if (!strbuf_error(j->sb) && j->sb->len <= LOG_LINE_MAX - TAIL_BYTES)
        return true;
    j->sb->error = 0;
    strbuf_truncate(j->sb, before);
    j->comma = comma;
    return false;
}

static void put_json(struct strbuf *line, const struct log *log, enum log_level level,
                     const char *event, const char *message, const struct log_kv *kv, size_t n)
{
    char when[TIMESTAMP_TEXT_MAX];
    struct json_out j;
    bool whole = strlen(message) <= MESSAGE_MAX;
    struct span text = span_of(message, MIN(strlen(message), (size_t)MESSAGE_MAX));

    json_out_init(&j, line);
    json_object(&j);
    json_key(&j, "timestamp");
    json_string(&j, timestamp_format(clock_wall_usec(), when));
    json_key(&j, "service");
    json_str(&j, log->service);
    json_key(&j, "level");
    json_str(&j, log_level_names[level]);
    json_key(&j, "event");
    json_str(&j, event);
    whole &= put_field(&j, &KV_SPAN("message", text));
    for (size_t i = 0; i < n; i++)
        whole &= put_field(&j, &kv[i]);
    if (!whole) {
        json_key(&j, "truncated");
        json_bool(&j, true);
    }
    json_object_end(&j);
}

/* Messages are for people, and may quote what others said: no control character starts a new line.
 */
static void put_message(struct strbuf *line, const char *message)
{
    size_t at = line->len;

    (void)strbuf_addf(line, "%.*s", MESSAGE_MAX, message);
    for (; at < line->len; at++)
        if ((unsigned char)line->ptr[at] < 0x20 || line->ptr[at] == 0x7f)
            line->ptr[at] = ' ';
}

static bool put_text_field(struct strbuf *line, const struct log_kv *kv)
{
    size_t before = line->len;
    struct json_out j;

    (void)strbuf_addf(line, " %s=", kv->key);
    json_out_init(&j, line);
    put_value(&j, kv);
    if (!strbuf_error(line) && line->len <= LOG_LINE_MAX - TAIL_BYTES)
        return true;
    line->error = 0;
    strbuf_truncate(line, before);
    return false;
}

static void put_text(struct strbuf *line, const struct log *log, enum log_level level,
                     const char *event, const char *message, const struct log_kv *kv, size_t n)
{
    char when[TIMESTAMP_TEXT_MAX];
    struct span time = timestamp_format(clock_wall_usec(), when);
    bool whole = strlen(message) <= MESSAGE_MAX;

    (void)strbuf_addf(line, "%.*s %-5s %s %s: ", SPAN_ARG(time), log_level_names[level],
                      log->service, event);
    put_message(line, message);
    for (size_t i = 0; i < n; i++)
        whole &= put_text_field(line, &kv[i]);
    if (!whole)
        (void)strbuf_adds(line, " truncated=true");
}

static ssize_t put_line(const struct log *log, const struct strbuf *line)
{
    if (strbuf_error(line))
        return -1;
    if (log->is_socket)
        return send(log->fd, line->ptr, line->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(log->fd, line->ptr, line->len);
}

void log_write(struct log *log, enum log_level level, const char *event, const char *message,
               const struct log_kv *kv, size_t n)
{
    _cleanup_strbuf_ struct strbuf line;
    bool torn = atomic_exchange_explicit(&log->torn, false, memory_order_relaxed);
    int saved = errno;
    ssize_t written;

    strbuf_init(&line, LOG_LINE_MAX);
    if (torn)
        (void)strbuf_addc(&line, '\n');
    if (log->format == LOG_JSON)
        put_json(&line, log, level, event, message, kv, n);
    else
        put_text(&line, log, level, event, message, kv, n);
    (void)strbuf_addc(&line, '\n');
    written = put_line(log, &line);
    if (written != (ssize_t)line.len) {
        atomic_fetch_add_explicit(&log->dropped, 1, memory_order_relaxed);
        if (torn || written > 0)
            atomic_store_explicit(&log->torn, true, memory_order_relaxed);
    }
    errno = saved;
}
