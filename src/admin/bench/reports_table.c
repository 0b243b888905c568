/* The table of `sluice bench reports`: each figure beside its goal, and how much it grew with the
 * number of events. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "admin/bench/reports.h"

#define RATE_GOAL 2000.0      /* reports/s */
#define GROWTH_GOAL 1.5       /* p99 on the larger database against the smaller */
#define PAGE_GOAL_MSEC 1000.0 /* first paint */
#define PAGE_GOAL_KIB 150.0   /* script and style */

struct table {
    const struct figures *figures, *baseline;
    uint64_t rows, fewer; /* fewer: 0 = only one size */
    FILE *out;
    bool reached; /* every goal so far */
};

static double figure(const struct figures *f, uint64_t rows, const char *key, const char *which)
{
    char name[FIGURE_KEY_MAX];

    if (!f)
        return NAN;
    (void)snprintf(name, sizeof(name), "%llu.%s.%s", (unsigned long long)rows, key, which);
    return figures_get(f, name);
}

static double of(const struct table *t, const char *key, const char *which)
{
    return figure(t->figures, t->rows, key, which);
}

/* "1,000,000" */
static const char *number_text(uint64_t v, char buf[32])
{
    char *at = buf + 31;

    *at = '\0';
    for (int digits = 0; v || digits == 0; v /= 10) {
        if (digits && digits % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + v % 10);
        digits++;
    }
    return at;
}

static void print_cell(const struct table *t, double v)
{
    if (isnan(v))
        fprintf(t->out, " %9s", "-");
    else
        fprintf(t->out, v >= 100 ? " %9.0f" : v >= 10 ? " %9.1f" : " %9.2f", v);
}

static const char *verdict(struct table *t, bool reached)
{
    t->reached &= reached;
    return reached ? "reached" : "MISSED";
}

/* goal: 0 = none. */
static void print_goal(struct table *t, double value, double goal, bool at_most)
{
    if (goal > 0)
        fprintf(t->out, " %s%5.0f %-8s", at_most ? "<=" : ">=", goal,
                verdict(t, at_most ? value <= goal : value >= goal));
    else
        fprintf(t->out, " %16s", "");
}

/* held: whether it counts. */
static void print_growth(struct table *t, const char *key, const char *which, bool held)
{
    double before, growth;

    if (!t->fewer)
        return;
    before = figure(t->figures, t->fewer, key, which);
    growth = of(t, key, which) / before;
    print_cell(t, before);
    fprintf(t->out, "  %5.2f %-8s", growth, held ? verdict(t, growth <= GROWTH_GOAL) : "");
}

static void print_change(struct table *t, const char *key, const char *which)
{
    double before = figure(t->baseline, t->rows, key, which);

    if (isnan(before))
        return;
    print_cell(t, before);
    fprintf(t->out, " %+6.1f %%", before != 0 ? (of(t, key, which) / before - 1) * 100 : 0.0);
}

/* Which variant the figures of a kind are from. */
static void print_slowest(struct table *t, const struct question_kind *kind)
{
    _cleanup_strbuf_ struct strbuf key;
    double slowest = of(t, kind->key, "p99");

    strbuf_init(&key, FIGURE_KEY_MAX);
    for (unsigned i = 0; kind->name && i < kind->variants; i++) {
        strbuf_reset(&key);
        (void)strbuf_addf(&key, "%s.", kind->key);
        kind->name(i, &key);
        if (of(t, key.ptr, "p99") >= slowest) {
            fprintf(t->out, "  %s", key.ptr + strlen(kind->key) + 1);
            return;
        }
    }
}

static void print_kind(struct table *t, const struct question_kind *kind)
{
    double p99 = of(t, kind->key, "p99");

    fprintf(t->out, "  %-33s %5.0f", kind->title, of(t, kind->key, "asked"));
    print_cell(t, of(t, kind->key, "p50"));
    print_cell(t, p99);
    print_goal(t, p99, kind->goal_msec, /* at_most= */ true);
    print_growth(t, kind->key, "p99", kind->goal_msec > 0);
    print_change(t, kind->key, "p99");
    print_slowest(t, kind);
    fputc('\n', t->out);
}

static void print_head(const struct table *t, const struct reports_options *options)
{
    char rows[32], users[32], campaigns[32], fewer[32];

    fprintf(t->out, "\n  %s events of %s users and %s campaigns over %d days\n\n",
            number_text(t->rows, rows), number_text(options->users / 2 * 2, users),
            number_text(options->campaigns, campaigns), REPORTS_DAYS);
    fprintf(t->out, "  %-33s %5s %9s %9s %-16s", "report", "asked", "p50 ms", "p99 ms",
            " goal of p99");
    if (t->fewer)
        fprintf(t->out, " %9s  %s", number_text(t->fewer, fewer), "growth, <= 1.5");
    if (t->baseline)
        fprintf(t->out, " %9s %8s", "before", "change");
    fputs("  slowest\n", t->out);
}

static void print_others(struct table *t)
{
    double rate = of(t, question_mix.key, "rate"), page = of(t, "page", "max");
    double size = figures_get(t->figures, "page.size");

    fprintf(t->out, "\n  %-33s %5s %9s", question_mix.title, "", "reports/s");
    print_cell(t, rate);
    print_goal(t, rate, RATE_GOAL, /* at_most= */ false);
    print_change(t, question_mix.key, "rate");
    fprintf(t->out, "\n  %-33s %5s", "page and its first data, fetched", "");
    print_cell(t, of(t, "page", "p50"));
    print_cell(t, page);
    print_goal(t, page, PAGE_GOAL_MSEC, /* at_most= */ true);
    print_growth(t, "page", "max", /* held= */ false);
    print_change(t, "page", "max");
    fprintf(t->out, "\n  %-33s %5s %9s", "script and style, compressed", "", "KiB");
    print_cell(t, size);
    print_goal(t, size, PAGE_GOAL_KIB, /* at_most= */ true);
    fputc('\n', t->out);
}

bool reports_print(const struct reports_options *options, const struct figures *f,
                   const struct figures *baseline, FILE *out)
{
    struct table t = { .figures = f,
                       .baseline = baseline,
                       .rows = options->rows[options->sizes - 1],
                       .fewer = options->sizes > 1 ? options->rows[0] : 0,
                       .out = out,
                       .reached = true };

    print_head(&t, options);
    for (size_t i = 0; i < question_kind_count; i++)
        print_kind(&t, &question_kinds[i]);
    print_others(&t);
    return t.reached;
}
