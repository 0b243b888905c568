#include "base/failpoint.h"

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/span.h"

#define NAME_MAX_BYTES 128

struct armed {
    struct span name;
    uint64_t times; /* on which pass */
    int signal;
};

/* "stop:name:5"; a count that is none is a part of the name. */
static struct armed armed_of(const char *text)
{
    static const struct span stop = SPAN("stop:");
    struct armed a = { .name = span_str(text), .times = 1, .signal = SIGKILL };
    const char *colon;

    if (strncmp(text, stop.ptr, stop.len) == 0) {
        a.signal = SIGSTOP;
        a.name = span_str(text + stop.len);
    }
    colon = strrchr(a.name.ptr, ':');
    if (colon && parse_u64(span_str(colon + 1), &a.times) == 0)
        a.name.len = (size_t)(colon - a.name.ptr);
    return a;
}

void failpoint(const char *format, ...)
{
    /* The one armed point of a process: test code, so a counter outside any object is fine. */
    static _Atomic uint64_t passed;
    const char *text = getenv("SLUICE_FAILPOINT");
    char name[NAME_MAX_BYTES];
    struct armed armed;
    uint64_t pass;
    va_list ap;

    if (!text)
        return;
    va_start(ap, format);
    (void)vsnprintf(name, sizeof(name), format, ap);
    va_end(ap);
    armed = armed_of(text);
    if (!span_eq(armed.name, span_str(name)))
        return;
    pass = atomic_fetch_add(&passed, 1) + 1;
    if (pass == armed.times || (pass > armed.times && armed.signal == SIGKILL))
        (void)raise(armed.signal); /* to this very thread, which goes no further */
}
