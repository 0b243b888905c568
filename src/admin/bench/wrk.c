#include "admin/bench/wrk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/bench/child.h"
#include "admin/bench/files.h"

static int write_event(struct bench *b, const char *path)
{
    _cleanup_strbuf_ struct strbuf event;
    int r;

    strbuf_init(&event, 1 << 16);
    r = bench_events_one(b->events, &event);
    return r < 0 ? r : file_write(path, strbuf_span(&event));
}

/* The number behind a label of wrk's summary: "Requests/sec:  1234.5". */
static double number_after(const char *text, const char *label)
{
    const char *at = strstr(text, label);

    return at ? strtod(at + strlen(label), NULL) : 0;
}

/* "99%    1.23ms": us, ms or s. */
static double latency_msec(const char *text, const char *label)
{
    const char *at = strstr(text, label);
    char *unit;
    double v;

    if (!at)
        return 0;
    v = strtod(at + strlen(label), &unit);
    return strncmp(unit, "us", 2) == 0 ? v / 1000 : strncmp(unit, "ms", 2) == 0 ? v : v * 1000;
}

int wrk_run(struct bench *b, uint32_t port, const char *path, uint64_t seconds,
            struct wrk_result *ret, struct strbuf *err)
{
    char script[BENCH_TEXT_MAX + 16], event[BENCH_TEXT_MAX + 16], duration[24], url[64], run[16];
    const char *argv[] = { "wrk",    "-t", "2",    "-c",        "64", "-d",
                           duration, "-s", script, "--latency", url,  NULL };
    _cleanup_strbuf_ struct strbuf out;
    int r;

    strbuf_init(&out, 1 << 16);
    if (!child_exists("wrk"))
        return -ENOENT;
    (void)snprintf(script, sizeof(script), "%s/single.lua", b->dir);
    (void)snprintf(event, sizeof(event), "%s/event.json", b->dir);
    (void)snprintf(duration, sizeof(duration), "%us", (unsigned)seconds);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
    (void)snprintf(run, sizeof(run), "%u", 10 + b->wrk_runs++ % 90);
    r = file_write(script, file_embedded("single.lua"));
    if (r == 0)
        r = write_event(b, event);
    if (r < 0) {
        strbuf_setf(err, "%s: %s", b->dir, strerror(-r));
        return r;
    }
    (void)setenv("SLUICE_BENCH_EVENT", event, 1);
    (void)setenv("SLUICE_BENCH_PATH", path, 1);
    (void)setenv("SLUICE_BENCH_RUN", run, 1);
    r = child_run(argv, &out, err);
    if (r != 0)
        return -EIO;
    ret->requests_per_second = number_after(out.ptr, "Requests/sec:");
    ret->p99_msec = latency_msec(out.ptr, "99%");
    ret->errors = (uint64_t)number_after(out.ptr, "Non-2xx or 3xx responses:");
    return 0;
}
