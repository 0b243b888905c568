/*
 * Structured logs: one line per event on standard error, JSON by default
 * ({"timestamp","service","level","message","correlationId",...fields}) or text for people.
 *
 *   log_warn(&log, "pg.retry", "the database does not answer", KV_INT("attempt", n),
 *            KV_STR("then", "trying again"));
 *
 * `event` is a stable word to search for; `message` is for a person. When a problem is not fatal,
 * say what follows from it with a field "then". Never log personal data (names, user ids, raw
 * events).
 *
 * A line is one write(2) of at most LOG_LINE_MAX bytes. A line that cannot be written (a full disk;
 * after log_never_wait() also a pipe, terminal or socket that takes no more) is dropped and
 * counted: the service lives on. A line that was cut there is ended before the next one. Values are
 * escaped, so that nothing an outsider sends can start a new line.
 *
 * Thread-safe: a struct log is constant after log_init() and log_never_wait() but for its atomics.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVEL_COUNT };
enum log_format { LOG_JSON, LOG_TEXT, LOG_FORMAT_COUNT };

extern const char *const log_level_names[LOG_LEVEL_COUNT];
extern const char *const log_format_names[LOG_FORMAT_COUNT];

#define LOG_LINE_MAX 4096

struct log {
    const char *service;  /* borrowed, constant */
    enum log_level level; /* lines below it are not written */
    enum log_format format;
    int fd; /* 2 unless a test says otherwise */
    bool is_socket;
    _Atomic bool torn;        /* the last line was cut by what it was written to */
    _Atomic uint64_t dropped; /* lines that could not be written */
};

/* Names `service` in every line. The string MUST outlive the log. */
void log_init(struct log *log, const char *service, enum log_level level, enum log_format format);

/* A line that its reader does not take at once is dropped from now on. Who else has the same file
 * open is not affected. A descriptor that this opens lives as long as the process. */
void log_never_wait(struct log *log);

enum log_kv_kind { KV_KIND_STR, KV_KIND_I64, KV_KIND_U64, KV_KIND_DBL, KV_KIND_BOOL };

struct log_kv {
    const char *key;
    enum log_kv_kind kind;
    struct span str;
    union {
        int64_t i64;
        uint64_t u64;
        double dbl;
        bool flag;
    };
};

#define KV_STR(k, s) ((struct log_kv){ .key = (k), .kind = KV_KIND_STR, .str = span_str(s) })
#define KV_SPAN(k, s) ((struct log_kv){ .key = (k), .kind = KV_KIND_STR, .str = (s) })
#define KV_BUF(k, sb) KV_SPAN(k, strbuf_span(sb))
#define KV_INT(k, v) ((struct log_kv){ .key = (k), .kind = KV_KIND_I64, .i64 = (v) })
#define KV_UINT(k, v) ((struct log_kv){ .key = (k), .kind = KV_KIND_U64, .u64 = (v) })
#define KV_DBL(k, v) ((struct log_kv){ .key = (k), .kind = KV_KIND_DBL, .dbl = (v) })
#define KV_BOOL(k, v) ((struct log_kv){ .key = (k), .kind = KV_KIND_BOOL, .flag = (v) })
/* Every line that belongs to one webhook request carries it. */
#define KV_CORRELATION(s) KV_SPAN("correlationId", s)

static inline bool log_enabled(const struct log *log, enum log_level level)
{
    return level >= log->level;
}

void log_write(struct log *log, enum log_level level, const char *event, const char *message,
               const struct log_kv *kv, size_t n);

#define log_at(log, level, event, message, ...)                                                    \
    do {                                                                                           \
        if (log_enabled((log), (level))) {                                                         \
            const struct log_kv log_kv_[] = { { 0 }, ##__VA_ARGS__ };                              \
            log_write((log), (level), (event), (message), log_kv_ + 1, ARRAY_SIZE(log_kv_) - 1);   \
        }                                                                                          \
    } while (0)

#define log_debug(log, event, message, ...) log_at(log, LOG_DEBUG, event, message, ##__VA_ARGS__)
#define log_info(log, event, message, ...) log_at(log, LOG_INFO, event, message, ##__VA_ARGS__)
#define log_warn(log, event, message, ...) log_at(log, LOG_WARN, event, message, ##__VA_ARGS__)
#define log_error(log, event, message, ...) log_at(log, LOG_ERROR, event, message, ##__VA_ARGS__)
