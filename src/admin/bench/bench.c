/*
 * sluice bench: one command, one run, everything side by side on this machine: the floors (what
 * nginx, libmicrohttpd, JetStream, simdjson and \copy can do here and now), then the gateway's
 * intake, then the whole pipeline. Figures are compared as ratios within the run: machines are
 * shared and differ.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/bench/bench.h"
#include "admin/bench/child.h"
#include "base/clock.h"
#include "base/number.h"
#include "service/settings.h"

#define BAR_WIDTH 24
#define USERS 183604
#define SECONDS 15
#define SECONDS_MAX 600
#define PORT_BASE 23000

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

static int check_list(const char *list, struct strbuf *err)
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

static int run_parts(struct bench *b, const char *only, struct strbuf *err)
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

static int prepare(struct bench *b, struct strbuf *err)
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

static void clean_up(struct bench *b)
{
    const char *argv[] = { "rm", "-rf", b->dir, NULL };
    _cleanup_strbuf_ struct strbuf err;

    strbuf_init(&err, 4096);
    if (b->dir[0] && child_run(argv, NULL, &err) != 0)
        bench_note(b, "%s is left behind: %s", b->dir, err.ptr);
    b->events = bench_events_free(b->events);
}

static int read_baseline(const char *path, struct figures *ret, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf text;
    char chunk[4096];
    FILE *file = fopen(path, "re");
    size_t n;

    if (!file) {
        strbuf_setf(err, "%s: %s", path, strerror(errno));
        return -errno;
    }
    strbuf_init(&text, 1 << 20);
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        (void)strbuf_add(&text, chunk, n);
    fclose(file);
    return figures_read_json(ret, &text, err);
}

static int write_json(const struct bench *b, const char *path, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf json;
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    int r;

    strbuf_init(&json, 1 << 20);
    r = out ? figures_write_json(&b->figures, &json) : -errno;
    if (r == 0 && (fwrite(json.ptr, 1, json.len, out) != json.len || fflush(out) != 0))
        r = -EIO;
    if (out && out != stdout && fclose(out) != 0)
        r = -EIO;
    if (r < 0)
        strbuf_setf(err, "%s: %s", path, strerror(-r));
    return r;
}

enum flag { FLAG_ONLY, FLAG_SECONDS, FLAG_FULL, FLAG_JSON, FLAG_BASELINE, FLAG_PORT };

/* A number flag; `value` stays as it is when the flag was not given. */
static int number_flag(const struct settings_flag *flag, uint64_t least, uint64_t most,
                       uint64_t *value, struct strbuf *err)
{
    uint64_t v;

    if (!flag->value)
        return 0;
    if (parse_u64(span_str(flag->value), &v) < 0 || v < least || v > most) {
        strbuf_setf(err, "%s %s: expected a number from %llu to %llu", flag->name, flag->value,
                    (unsigned long long)least, (unsigned long long)most);
        return -EINVAL;
    }
    *value = v;
    return 0;
}

static int read_flags(struct bench *b, const struct settings_flag *flags, struct strbuf *err)
{
    uint64_t port = PORT_BASE;
    int r = check_list(flags[FLAG_ONLY].value, err);

    b->seconds = SECONDS;
    if (r == 0)
        r = number_flag(&flags[FLAG_SECONDS], 1, SECONDS_MAX, &b->seconds, err);
    if (r == 0)
        r = number_flag(&flags[FLAG_FULL], 0, UINT64_C(1000000000), &b->full_rows, err);
    if (r == 0)
        r = number_flag(&flags[FLAG_PORT], 1024, 65000, &port, err);
    b->port_base = (uint32_t)port;
    return r;
}

static int bench(struct bench *b, const struct settings_flag *flags, struct strbuf *err)
{
    struct figures baseline = { 0 };
    bool met;
    int r = read_flags(b, flags, err);

    if (r == 0 && flags[FLAG_BASELINE].value)
        r = read_baseline(flags[FLAG_BASELINE].value, &baseline, err);
    if (r == 0)
        r = prepare(b, err);
    if (r == 0)
        r = run_parts(b, flags[FLAG_ONLY].value, err);
    clean_up(b);
    if (r < 0)
        return r;
    met = figures_print(
        &b->figures, flags[FLAG_BASELINE].value ? &baseline : NULL,
        flags[FLAG_JSON].value && strcmp(flags[FLAG_JSON].value, "-") == 0 ? stderr : stdout);
    if (flags[FLAG_JSON].value)
        r = write_json(b, flags[FLAG_JSON].value, err);
    return r < 0 ? r : met ? 0 : 1;
}

int admin_bench(int argc, char **argv)
{
    struct settings_flag flags[] = {
        [FLAG_ONLY] = { "--only", "PART[,PART]", "http, json, jetstream, copy, intake, e2e", NULL },
        [FLAG_SECONDS] = { "--seconds", "N",
                           "length of each measurement (15; end to end at least 30)", NULL },
        [FLAG_FULL] = { "--full", "ROWS", "measure end to end again with so many rows stored",
                        NULL },
        [FLAG_JSON] = { "--json", "FILE", "also write the figures as JSON; - for standard output",
                        NULL },
        [FLAG_BASELINE] = { "--baseline", "FILE", "compare with an earlier run's JSON", NULL },
        [FLAG_PORT] = { "--port-base", "N", "first port of the stacks it starts (23000)", NULL },
        { NULL, NULL, NULL, NULL },
    };
    const struct settings_command command = {
        .usage = "sluice bench [flags]",
        .about = "Measures this machine's floors, the intake and the whole pipeline, side by side.",
        .flags = flags,
    };
    struct settings settings;
    struct bench b = { 0 };
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, 16384);
    r = settings_load(&settings, ROLE_ADMIN, &argc, argv, &command, &err);
    settings_release(&settings);
    if (r > 0)
        return 0;
    (void)signal(SIGPIPE, SIG_IGN);
    if (r == 0)
        r = bench(&b, flags, &err);
    if (r < 0)
        fprintf(stderr, "sluice bench: %s\n", err.ptr);
    return r < 0 ? 2 : r;
}
