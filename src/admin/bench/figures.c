#include "admin/bench/figures.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_out.h"
#include "event/json.h"

/* What the project holds itself to: a figure, or its ratio to another one of the same run. */
struct goal {
    const char *title;
    const char *key;
    const char *against; /* NULL = the figure itself */
    bool at_most;
    double limit;
};

static const struct goal goals[] = {
    { "intake single / nginx return 200", "intake.single", "floor.nginx", false, 0.5 },
    { "intake bulk 1,000 / JetStream publish", "intake.bulk_1000", "floor.jetstream", false, 0.6 },
    { "intake bulk 50,000 / JetStream publish", "intake.bulk_50000", "floor.jetstream", false,
      0.6 },
    { "end to end / \\copy", "e2e.rate", "floor.copy", false, 0.7 },
    { "end to end at 10 million rows / empty", "e2e.rate_full", "e2e.rate", false, 0.9 },
    { "freshness p99 at half load, ms", "freshness.p99", NULL, true, 500 },
    { "ack latency p99 at half load, ms", "ack.p99", NULL, true, 10 },
    { "gateway memory, 4 x 50,000, MiB", "memory.gateway_bulk", NULL, true, 256 },
    { "fb-collector memory, MiB", "memory.fb-collector", NULL, true, 128 },
    { "ttk-collector memory, MiB", "memory.ttk-collector", NULL, true, 128 },
    { "reporter memory, MiB", "memory.reporter", NULL, true, 64 },
};

static struct figure *find(const struct figures *f, const char *key)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->rows[i].key, key) == 0)
            return (struct figure *)&f->rows[i];
    return NULL;
}

void figures_set(struct figures *f, const char *unit, double value, const char *key, ...)
{
    char name[FIGURE_KEY_MAX];
    struct figure *row;
    va_list ap;

    va_start(ap, key);
    (void)vsnprintf(name, sizeof(name), key, ap);
    va_end(ap);
    row = find(f, name);
    if (!row) {
        if (f->count == FIGURES_MAX)
            abort();
        row = &f->rows[f->count++];
        memcpy(row->key, name, sizeof(name));
    }
    row->unit = unit;
    row->value = value;
}

double figures_get(const struct figures *f, const char *key)
{
    const struct figure *row = find(f, key);

    return row ? row->value : NAN;
}

static void print_number(FILE *out, double v)
{
    fprintf(out, fabs(v) >= 1000 ? " %12.0f" : fabs(v) >= 10 ? " %12.1f" : " %12.3f", v);
}

static void print_row(FILE *out, const struct figure *row, const struct figures *baseline)
{
    double before = baseline ? figures_get(baseline, row->key) : NAN;

    fprintf(out, "  %-28s", row->key);
    print_number(out, row->value);
    fprintf(out, " %-9s", row->unit);
    if (!isnan(before)) {
        print_number(out, before);
        fprintf(out, " %+6.1f %%", before != 0 ? (row->value / before - 1) * 100 : 0.0);
    }
    fputc('\n', out);
}

static bool print_goal(FILE *out, const struct goal *goal, const struct figures *f)
{
    double value = figures_get(f, goal->key);
    bool met;

    if (goal->against)
        value /= figures_get(f, goal->against);
    if (isnan(value)) {
        fprintf(out, "  %-42s %10s   not measured in this run\n", goal->title, "-");
        return true;
    }
    met = goal->at_most ? value < goal->limit : value >= goal->limit;
    fprintf(out, "  %-42s %10.2f   %s %g: %s\n", goal->title, value,
            goal->at_most ? "under" : "at least", goal->limit, met ? "met" : "MISSED");
    return met;
}

bool figures_print(const struct figures *f, const struct figures *baseline, FILE *out)
{
    bool met = true;

    fprintf(out, "\n  %-28s %12s %-9s%s\n", "figure", "value", "unit",
            baseline ? "       before  change" : "");
    for (size_t i = 0; i < f->count; i++)
        print_row(out, &f->rows[i], baseline);
    fprintf(out, "\n  %-42s %10s   goal\n", "ratio or bound", "value");
    for (size_t i = 0; i < ARRAY_SIZE(goals); i++)
        met &= print_goal(out, &goals[i], f);
    return met;
}

int figures_write_json(const struct figures *f, struct strbuf *out)
{
    struct json_out j;

    json_out_init(&j, out);
    json_object(&j);
    json_key(&j, "figures");
    json_array(&j);
    for (size_t i = 0; i < f->count; i++) {
        json_object(&j);
        json_key(&j, "key");
        json_str(&j, f->rows[i].key);
        json_key(&j, "unit");
        json_str(&j, f->rows[i].unit);
        json_key(&j, "value");
        json_double(&j, f->rows[i].value);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
    return strbuf_addc(out, '\n');
}

static double number_of(struct json_value v)
{
    return json_kind_of(v) == JSON_NULL ? NAN : json_double_of(v);
}

/* One {"key","unit","value"}; units of a baseline are not shown, so that they are not kept. */
static void read_figure(struct figures *f, struct json_value item)
{
    struct json_iter members = json_iterate(item);
    struct span name, key = SPAN_NONE;
    struct json_value value;
    double number = NAN;

    while (json_next(&members, &name, &value)) {
        if (span_eq(name, SPAN("key")) && json_kind_of(value) == JSON_STRING)
            key = json_string_of(value);
        else if (span_eq(name, SPAN("value")))
            number = number_of(value);
    }
    if (key.len && f->count < FIGURES_MAX)
        figures_set(f, "", number, "%.*s", SPAN_ARG(key));
}

int figures_read_json(struct figures *f, struct strbuf *json, struct strbuf *err)
{
    struct json_parser *parser = json_parser_new(1 << 20, 8);
    const char *why = "out of memory";
    struct json_value root, list, item;
    struct json_iter members, items;
    struct span name;
    int r = -ENOMEM;

    *f = (struct figures){ 0 };
    if (parser && strbuf_reserve(json, JSON_PADDING) == 0)
        r = json_parse(parser, strbuf_span(json), &root, &why);
    if (r < 0) {
        strbuf_setf(err, "not a result of sluice bench --json: %s", why);
        (void)json_parser_free(parser);
        return r;
    }
    members = json_iterate(root);
    while (json_next(&members, &name, &list)) {
        if (!span_eq(name, SPAN("figures")))
            continue;
        items = json_iterate(list);
        while (json_next(&items, &name, &item))
            read_figure(f, item);
    }
    (void)json_parser_free(parser);
    return 0;
}
