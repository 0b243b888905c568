#include "admin/trial/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define BAR_WIDTH 30
#define DRAW_EVERY_USEC (100 * UINT64_C(1000))

void progress_start(struct progress *p)
{
    *p = (struct progress){ .terminal = isatty(STDERR_FILENO) };
}

void progress_show(struct progress *p, const char *what, uint64_t done, uint64_t total,
                   const char *fmt, ...)
{
    uint64_t now = clock_mono_usec(), filled = total ? done * BAR_WIDTH / total : 0;
    va_list ap;

    if (!p->terminal || now - p->drawn_usec < DRAW_EVERY_USEC)
        return;
    p->drawn_usec = now;
    fprintf(stderr, "\r\033[K%-8s [", what);
    for (uint64_t i = 0; i < BAR_WIDTH; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fputs("] ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
}

void progress_clear(const struct progress *p)
{
    if (p->terminal)
        fputs("\r\033[K", stderr);
}
