#include "stack/view.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "stack/files.h"

#define PERIOD_USEC (1 * USEC_PER_SEC)

/* What a person does at each address. */
static const struct {
    enum unit_id unit;
    const char *scheme;
    const char *rest;
} rows[] = {
    { UNIT_GATEWAY, "http", "/webhook/events   takes events" },
    { UNIT_REPORTER, "http", "/   the dashboard; /reports/... answers reports" },
    { UNIT_FB_COLLECTOR, "http", "/metrics" },
    { UNIT_TTK_COLLECTOR, "http", "/metrics" },
    { UNIT_PROMETHEUS, "http", "" },
    { UNIT_NATS, "nats", "" },
    { UNIT_POSTGRES, "postgresql", "/sluice   (sluice psql opens it)" },
};

void view_table(const struct site *site, const struct plan *plan, struct strbuf *out)
{
    (void)strbuf_addc(out, '\n');
    for (size_t row = 0; row < ARRAY_SIZE(rows); row++)
        for (size_t i = 0; i < plan->count; i++) {
            const struct unit *u = &plan->units[i];

            if (u->kind->id == rows[row].unit)
                (void)strbuf_addf(out, "  %-16s %s://127.0.0.1:%u%s\n", u->name, rows[row].scheme,
                                  u->port, rows[row].rest);
        }
    (void)strbuf_addf(out, "\n  data in %s\n", site->layout.shown);
}

/* "12,345,678" */
static void add_grouped(struct strbuf *out, uint64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);

    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            (void)strbuf_addc(out, ',');
        (void)strbuf_addc(out, digits[i]);
    }
}

static uint64_t total(const struct view *v, enum count count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < v->source_count; i++)
        sum += counts_of(&v->sources[i].counts, count);
    return sum;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void add_count(struct strbuf *out, const char *name, uint64_t value)
{
    (void)strbuf_addf(out, "   %s ", name);
    add_grouped(out, value);
}

static void draw(struct view *v)
{
    _cleanup_strbuf_ struct strbuf line;
    uint64_t now = clock_mono_usec(), taken = total(v, COUNT_PROCESSED);
    uint64_t duplicates = total(v, COUNT_DUPLICATES);
    /* `failed` counts what was rejected and what JetStream did not ack; the latter was accepted but
     * not processed. What is in flight makes the difference too large for a moment. */
    uint64_t rejected = minus(total(v, COUNT_FAILED), minus(total(v, COUNT_ACCEPTED), taken));
    uint64_t elapsed = now - v->drawn_usec;
    uint64_t rate = 0;

    if (v->drawn_usec && elapsed)
        rate = minus(taken, v->accepted) * USEC_PER_SEC / elapsed;
    v->rejected = MAX(v->rejected, rejected);
    v->accepted = MAX(v->accepted, taken);
    v->drawn_usec = now;
    strbuf_init(&line, 512);
    (void)strbuf_adds(&line, "\r\033[K");
    add_count(&line, "accepted", taken);
    add_count(&line, "stored", minus(total(v, COUNT_STORED), duplicates + total(v, COUNT_EXPIRED)));
    add_count(&line, "duplicates", duplicates);
    add_count(&line, "rejected", v->rejected);
    add_count(&line, "events/s", rate);
    (void)fd_write_all(v->fd, strbuf_span(&line));
}

static void on_counts(struct probe *p, int failed)
{
    struct view_source *source = p->ctx;

    if (failed == 0 && probe_http_status(p) == 200)
        counts_take(&source->counts, probe_http_body(p));
}

static void on_timer(void *ctx)
{
    struct view *v = ctx;

    draw(v);
    for (size_t i = 0; i < v->source_count; i++) {
        struct view_source *source = &v->sources[i];

        if (source->unit->main.pid && !probe_is_busy(&source->probe))
            probe_http(&source->probe, source->unit->own_port, "/metrics");
    }
    loop_timer_in(v->loop, &v->timer, PERIOD_USEC);
}

void view_init(struct view *v, struct loop *loop, const struct site *site, const struct plan *plan,
               int fd)
{
    *v = (struct view){
        .loop = loop, .site = site, .plan = plan, .fd = fd, .timer = { .fn = on_timer, .ctx = v }
    };
}

void view_release(struct view *v)
{
    if (!v->loop)
        return;
    loop_timer_cancel(v->loop, &v->timer);
    for (size_t i = 0; i < v->source_count; i++)
        probe_release(&v->sources[i].probe);
    v->source_count = 0;
}

void view_begin(struct view *v)
{
    _cleanup_strbuf_ struct strbuf table;

    strbuf_init(&table, 16384);
    if (v->fd < 0)
        return;
    view_table(v->site, v->plan, &table);
    (void)strbuf_adds(&table, "  Ctrl-C drains and stops everything.\n\n");
    (void)fd_write_all(v->fd, strbuf_span(&table));
    for (size_t i = 0; i < v->plan->count; i++) {
        struct view_source *source = &v->sources[v->source_count];

        if (!v->plan->units[i].listen_count)
            continue;
        source->view = v;
        source->unit = &v->plan->units[i];
        probe_init(&source->probe, v->loop, on_counts, source);
        v->source_count++;
    }
    loop_timer_in(v->loop, &v->timer, 0);
}

void view_end(struct view *v)
{
    if (v->fd < 0 || !v->timer.armed)
        return;
    loop_timer_cancel(v->loop, &v->timer);
    (void)fd_write_all(v->fd, SPAN("\n"));
}
