#include "base/failpoint.h"

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "base/span.h"

#define NAME_MAX_BYTES 128

/* Splits "name:5"; a count that is none is read as 1. */
static struct span armed_name(const char *armed, uint64_t *ret_times)
{
    const char *colon = strrchr(armed, ':');

    *ret_times = 1;
    if (!colon || parse_u64(span_str(colon + 1), ret_times) < 0)
        return span_str(armed);
    return span_of(armed, (size_t)(colon - armed));
}

void failpoint(const char *format, ...)
{
    /* The one armed point of a process: test code, so a counter outside any object is fine. */
    static _Atomic uint64_t passed;
    const char *armed = getenv("SLUICE_FAILPOINT");
    char name[NAME_MAX_BYTES];
    uint64_t times;
    va_list ap;

    if (!armed)
        return;
    va_start(ap, format);
    (void)vsnprintf(name, sizeof(name), format, ap);
    va_end(ap);
    if (!span_eq(armed_name(armed, &times), span_str(name)))
        return;
    if (atomic_fetch_add(&passed, 1) + 1 >= times)
        (void)kill(getpid(), SIGKILL);
}
