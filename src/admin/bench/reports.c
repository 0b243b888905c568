#include "admin/bench/reports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "load/http_load.h"

/* The days are the same in every run; one of them has 25 hours in Europe. */
#define FIRST_DAY "2026-10-10T00:00:00Z"
#define STEPS_A_SIZE 3
#define PATIENCE_USEC (60 * USEC_PER_SEC)
/* Nothing is sent or stored while reports are asked for. */
#define SCALE "gateway=0,fb-collector=0,ttk-collector=0"

static void step(struct bench *b, const char *name, uint64_t rows)
{
    b->step++;
    b->step_name = name;
    if (!b->terminal)
        fprintf(stderr, "[%u/%u] %s, %llu events\n", b->step, b->steps, name,
                (unsigned long long)rows);
}

/* What was filled is marked beside its folder: one that was not filled to its end has no mark. */
static int mark_path(const struct stack *stack, char *path, size_t size)
{
    int n = snprintf(path, size, "%s.filled", stack->data);

    return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int mark(const struct stack *stack, struct strbuf *err)
{
    char path[2 * BENCH_TEXT_MAX + 16];
    int r = mark_path(stack, path, sizeof(path));
    FILE *file = r == 0 ? fopen(path, "we") : NULL;

    if (r == 0 && (!file || fclose(file) != 0))
        r = -errno;
    if (r < 0)
        strbuf_setf(err, "%s: %s", path, strerror(-r));
    return r;
}

static int folder_name(const struct bench *b, const struct dataset *d, char *ret, size_t size,
                       struct strbuf *err)
{
    int n = snprintf(ret, size, "%s/reports-%llu-%llu-%llu", b->reports->keep,
                     (unsigned long long)d->rows, (unsigned long long)d->users * 2,
                     (unsigned long long)d->campaigns);

    if (n < 0 || n >= 2 * BENCH_TEXT_MAX) {
        strbuf_setf(err, "--keep: the path is too long");
        return -ENAMETOOLONG;
    }
    return 0;
}

/* 1 when it is filled already. */
static int start_kept(struct bench *b, struct stack *stack, const struct dataset *d,
                      struct strbuf *err)
{
    char folder[2 * BENCH_TEXT_MAX], path[2 * BENCH_TEXT_MAX + 16];
    bool filled;
    int r = folder_name(b, d, folder, sizeof(folder), err);

    if (r < 0)
        return r;
    if (mkdir(b->reports->keep, 0755) < 0 && errno != EEXIST) {
        strbuf_setf(err, "--keep %s: %s", b->reports->keep, strerror(errno));
        return -errno;
    }
    (void)snprintf(path, sizeof(path), "%s.filled", folder);
    filled = access(path, F_OK) == 0;
    if (!filled && access(folder, F_OK) == 0) {
        strbuf_setf(err, "%s was not filled to its end: remove it", folder);
        return -EEXIST;
    }
    r = stack_start_in(b, stack, folder, SCALE, err);
    return r < 0 ? r : filled;
}

static int fill(struct bench *b, const struct stack *stack, const struct dataset *d,
                struct strbuf *err)
{
    uint64_t started = clock_mono_usec();
    int r = reports_fill(b, stack, d, err);

    if (r < 0)
        return r;
    figures_set(&b->figures, "s", (double)(clock_mono_usec() - started) / 1e6, "%llu.fill",
                (unsigned long long)d->rows);
    return b->reports->keep ? mark(stack, err) : 0;
}

/* Reports that are quick and wrong are worth nothing. */
static int check_total(const struct stack *stack, const struct dataset *d, struct strbuf *err)
{
    static const char member[] = "\"totalEvents\":";
    _cleanup_strbuf_ struct strbuf answer;
    const char *total;
    char url[80];
    long status;
    int r;

    strbuf_init(&answer, 1 << 16);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/reports/events",
                   stack_port(stack, "reporter"));
    r = http_get(url, PATIENCE_USEC, &status, &answer, err);
    if (r < 0)
        return r;
    total = status == 200 ? strstr(answer.ptr, member) : NULL;
    if (!total || strtoull(total + strlen(member), NULL, 10) != d->rows) {
        strbuf_setf(err, "%s does not count the %llu events that were stored: status %ld, %.300s",
                    url, (unsigned long long)d->rows, status, answer.ptr);
        return -EIO;
    }
    return 0;
}

static int measure(struct bench *b, const struct stack *stack, const struct dataset *d, bool filled,
                   struct strbuf *err)
{
    int r = filled ? 0 : fill(b, stack, d, err);

    if (r == 0)
        r = check_total(stack, d, err);
    if (r < 0)
        return r;
    step(b, "ask", d->rows);
    r = reports_measure(b, stack, d, err);
    if (r < 0)
        return r;
    step(b, "page", d->rows);
    return reports_page(b, stack, d, err);
}

static int run_size(struct bench *b, const struct dataset *d, struct strbuf *err)
{
    struct stack stack;
    int r;

    step(b, "fill", d->rows);
    r = b->reports->keep ? start_kept(b, &stack, d, err)
                         : stack_start(b, &stack, "reports", SCALE, err);
    if (r < 0)
        return r;
    r = measure(b, &stack, d, r > 0, err);
    stack_stop(b, &stack);
    return r;
}

int bench_reports(struct bench *b, struct strbuf *err)
{
    const struct reports_options *options = b->reports;
    struct dataset d = { .users = options->users / 2, .campaigns = options->campaigns };
    int r = timestamp_parse(SPAN(FIRST_DAY), &d.from_usec);

    b->steps = STEPS_A_SIZE * (unsigned)options->sizes;
    for (size_t i = 0; r == 0 && i < options->sizes; i++) {
        d.rows = options->rows[i];
        r = run_size(b, &d, err);
    }
    if (b->terminal)
        fputs("\r\033[K", stderr);
    return r;
}
