/* The Prometheus text format 0.0.4, and the same series one by one for the minute samples. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/metrics_private.h"

#define SERIES_MAX_BYTES 1024

static const char *const type_names[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

/* The shortest text that reads back as the same double. */
static void add_double(struct strbuf *out, double v)
{
    char text[32];

    if (isnan(v) || isinf(v)) {
        (void)strbuf_adds(out, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(text, sizeof(text), "%.*g", precision, v);
        if (strtod(text, NULL) == v)
            break;
    }
    (void)strbuf_adds(out, text);
}

/* name_suffix{labels,extra} */
static void add_name(struct strbuf *out, const struct family *f, const struct series *s,
                     const char *suffix, const char *extra)
{
    (void)strbuf_addf(out, "%s%s", f->name, suffix);
    if (!s->labels && !extra)
        return;
    (void)strbuf_addf(out, "{%s%s%s}", s->labels ? s->labels : "", s->labels && extra ? "," : "",
                      extra ? extra : "");
}

static void render_bucket(struct strbuf *out, const struct family *f, const struct series *s,
                          double bound, uint64_t count)
{
    _cleanup_strbuf_ struct strbuf le;

    strbuf_init(&le, 64);
    (void)strbuf_adds(&le, "le=\"");
    add_double(&le, bound);
    (void)strbuf_addc(&le, '"');
    add_name(out, f, s, "_bucket", le.ptr);
    (void)strbuf_addc(out, ' ');
    (void)strbuf_addu64(out, count);
    (void)strbuf_addc(out, '\n');
}

/* _count is the last bucket, so that both agree while threads go on counting. */
static void render_histogram(struct strbuf *out, const struct family *f, const struct series *s)
{
    const struct metric_histogram *h = &s->histogram;
    double sum = histogram_total(h).sum;
    uint64_t count = 0;

    for (size_t i = 0; i <= h->bound_count; i++) {
        count += histogram_bucket(h, i);
        render_bucket(out, f, s, i < h->bound_count ? h->bounds[i] : INFINITY, count);
    }
    add_name(out, f, s, "_sum", NULL);
    (void)strbuf_addc(out, ' ');
    add_double(out, sum);
    (void)strbuf_addc(out, '\n');
    add_name(out, f, s, "_count", NULL);
    (void)strbuf_addc(out, ' ');
    (void)strbuf_addu64(out, count);
    (void)strbuf_addc(out, '\n');
}

static void render_help(struct strbuf *out, const struct family *f)
{
    (void)strbuf_addf(out, "# HELP %s ", f->name);
    for (const char *p = f->help; *p; p++) {
        if (*p == '\\' || *p == '\n')
            (void)strbuf_adds(out, *p == '\n' ? "\\n" : "\\\\");
        else
            (void)strbuf_addc(out, *p);
    }
    (void)strbuf_addf(out, "\n# TYPE %s %s\n", f->name, type_names[f->type]);
}

int metrics_render(struct metrics *m, struct strbuf *out)
{
    for (const struct family *f = m->families; f; f = f->next) {
        render_help(out, f);
        for (const struct series *s = f->series; s; s = s->next) {
            if (f->type == METRIC_HISTOGRAM) {
                render_histogram(out, f, s);
                continue;
            }
            add_name(out, f, s, "", NULL);
            (void)strbuf_addc(out, ' ');
            add_double(out, series_value(f, s));
            (void)strbuf_addc(out, '\n');
        }
    }
    return strbuf_error(out);
}

struct each {
    metrics_each_fn fn;
    void *ctx;
    struct strbuf name;
};

static void emit(struct each *e, const struct family *f, const struct series *s, const char *suffix,
                 double value)
{
    strbuf_reset(&e->name);
    add_name(&e->name, f, s, suffix, NULL);
    if (!strbuf_error(&e->name))
        e->fn(e->ctx, e->name.ptr, value);
}

void metrics_each(struct metrics *m, metrics_each_fn fn, void *ctx)
{
    struct each e = { .fn = fn, .ctx = ctx };

    strbuf_init(&e.name, SERIES_MAX_BYTES);
    for (const struct family *f = m->families; f; f = f->next) {
        for (const struct series *s = f->series; s; s = s->next) {
            if (f->type == METRIC_HISTOGRAM) {
                struct histogram_sum total = histogram_total(&s->histogram);

                emit(&e, f, s, "_count", (double)total.count);
                emit(&e, f, s, "_sum", total.sum);
            } else {
                emit(&e, f, s, "", series_value(f, s));
            }
        }
    }
    strbuf_release(&e.name);
}
