/*
 * A run of sluice bench: one command, one run, everything side by side on this machine: the floors
 * (what nginx, libmicrohttpd, JetStream, simdjson and \copy can do here and now), then the
 * gateway's intake, then the whole pipeline. Figures are compared as ratios within the run:
 * machines are shared and differ.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/bench/bench.h"
#include "admin/bench/child.h"
#include "base/clock.h"

#define BAR_WIDTH 24
#define USERS 183604

struct part {
    const char *name;
    const char *about;
    int (*run)(struct bench *b, struct strbuf *err);
};

static const struct part parts[] = {
    { "http", "floor: nginx return 200, bare libmicrohttpd", bench_floor_http },
    { "json", "floor: simdjson over the same bytes", bench_floor_json },
    { "jetstream", "floor: JetStream publish of prepared 256 KiB messages", bench_floor_jetstream },
    { "copy", "floor: \\copy into a plain de-duplicating table", bench_floor_copy },
    { "intake", "gateway: single events, bulk requests, ack latency", bench_intake },
    { "e2e", "pipeline: POST to COMMIT, CPU and memory, freshness", bench_end_to_end },
};

void bench_progress(struct bench *b, double done, const char *fmt, ...)
{
    unsigned filled = (unsigned)(fmin(fmax(done, 0), 1) * BAR_WIDTH);
    va_list ap;

    if (!b->terminal)
        return;
    fprintf(stderr, "\r\033[K[%u/%u] %-9s [", b->step, b->steps, b->step_name);
    for (unsigned i = 0; i < BAR_WIDTH; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fputs("] ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
}

void bench_note(struct bench *b, const char *fmt, ...)
{
    va_list ap;

    fputs(b->terminal ? "\r\033[Knote: " : "note: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

/* Whether a comma-separated list (NULL = everything) has the word. */
static bool listed(const char *list, const char *word)
{
    struct span rest = span_str(list), item;

    if (!list)
        return true;
    while (span_split(&rest, ',', &item))
        if (span_eq(span_trim(item), span_str(word)))
            return true;
    return false;
}

int bench_check_parts(const char *list, struct strbuf *err)
{
    struct span rest = span_str(list), item;

    while (list && span_split(&rest, ',', &item)) {
        bool known = false;

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
            known |= span_eq(span_trim(item), span_str(parts[i].name));
        if (!known) {
            strbuf_setf(err, "--only: no part '%.*s' (http, json, jetstream, copy, intake, e2e)",
                        SPAN_ARG(item));
            return -EINVAL;
        }
    }
    return 0;
}

int bench_run_parts(struct bench *b, const char *only, struct strbuf *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        b->steps += listed(only, parts[i].name);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        int r;

        if (!listed(only, parts[i].name))
            continue;
        b->step++;
        b->step_name = parts[i].name;
        if (!b->terminal)
            fprintf(stderr, "[%u/%u] %s\n", b->step, b->steps, parts[i].about);
        r = parts[i].run(b, err);
        if (r < 0)
            return r;
    }
    if (b->terminal)
        fputs("\r\033[K", stderr);
    return 0;
}

int bench_open(struct bench *b, struct strbuf *err)
{
    const char *tmp = getenv("TMPDIR");
    ssize_t n = readlink("/proc/self/exe", b->self, sizeof(b->self) - 1);

    if (n < 0)
        return -errno;
    b->self[n] = '\0';
    b->terminal = isatty(STDERR_FILENO);
    (void)snprintf(b->dir, sizeof(b->dir), "%s/sluice-bench-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(b->dir)) {
        strbuf_setf(err, "%s: %s", b->dir, strerror(errno));
        return -errno;
    }
    /* The stack's processes run unprivileged and must reach their folders. */
    if (access(b->dir, X_OK) == 0 && chmod(b->dir, 0755) < 0)
        return -errno;
    b->events = bench_events_new((uint64_t)clock_wall_usec(), USERS);
    if (!b->events)
        strbuf_setf(err, "cannot make events: out of memory");
    return b->events ? 0 : -ENOMEM;
}

void bench_close(struct bench *b)
{
    const char *argv[] = { "rm", "-rf", b->dir, NULL };
    _cleanup_strbuf_ struct strbuf err;

    strbuf_init(&err, 4096);
    if (b->dir[0] && child_run(argv, NULL, &err) != 0)
        bench_note(b, "%s is left behind: %s", b->dir, err.ptr);
    b->events = bench_events_free(b->events);
}
