/*
 * The supervisor's voice. What happens goes as a structured line to log/supervisor.log, and to
 * whoever started the stack: as log lines, or as plain lines for a person at a terminal or waiting
 * for --detach. Control clients that follow a command get the plain lines too.
 */
#pragma once

#include "base/log.h"
#include "base/macros.h"

enum teller_console {
    TELLER_SILENT,
    TELLER_LOG,   /* log lines on standard error */
    TELLER_PLAIN, /* the bare message on `console_fd` */
};

struct teller {
    struct log file;
    struct log console;
    enum teller_console mode;
    int console_fd;
    /* Called with each plain line. May be NULL. */
    void (*listener)(void *ctx, const char *message);
    void *ctx;
};

void teller_init(struct teller *t, enum log_level level, enum log_format format);
void tell_kv(struct teller *t, enum log_level level, const char *event, const char *message,
             const struct log_kv *kv, size_t n);

/* The message alone MUST make sense to a person; the fields are for machines. */
#define tell(t, level, event, message, ...)                                                        \
    do {                                                                                           \
        const struct log_kv tell_kv_[] = { { 0 }, ##__VA_ARGS__ };                                 \
        tell_kv((t), (level), (event), (message), tell_kv_ + 1, ARRAY_SIZE(tell_kv_) - 1);         \
    } while (0)
