#include "stack/teller.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stack/files.h"

void teller_init(struct teller *t, enum log_level level, enum log_format format)
{
    *t = (struct teller){ .mode = TELLER_LOG, .console_fd = -1 };
    log_init(&t->file, "supervisor", level, format);
    log_init(&t->console, "supervisor", level, format);
    t->file.fd = -1;
}

/* On a terminal the line of counts is overwritten; it is drawn anew below. */
static void tell_plain(const struct teller *t, enum log_level level, const char *message)
{
    _cleanup_strbuf_ struct strbuf line;

    strbuf_init(&line, LOG_LINE_MAX);
    if (level < LOG_INFO)
        return;
    if (isatty(t->console_fd))
        (void)strbuf_adds(&line, "\r\033[K");
    (void)strbuf_addf(&line, "%s%s\n", level == LOG_ERROR ? "error: " : "", message);
    (void)fd_write_all(t->console_fd, strbuf_span(&line));
}

void tell_kv(struct teller *t, enum log_level level, const char *event, const char *message,
             const struct log_kv *kv, size_t n)
{
    if (log_enabled(&t->file, level) && t->file.fd >= 0)
        log_write(&t->file, level, event, message, kv, n);
    if (t->mode == TELLER_LOG && log_enabled(&t->console, level))
        log_write(&t->console, level, event, message, kv, n);
    if (t->mode == TELLER_PLAIN)
        tell_plain(t, level, message);
    if (t->listener && level >= LOG_INFO)
        t->listener(t->ctx, message);
}
