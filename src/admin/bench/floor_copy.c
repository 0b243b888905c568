/*
 * The floor of the database: one session's \copy of the same rows into a plain table that
 * de-duplicates: the columns of processed_events, a primary key on the event id as text and a BRIN
 * on the time. Three runs, the first thrown away (memory that is touched for the first time is slow
 * on virtual machines), the better of the others taken.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "admin/bench/bench.h"
#include "admin/bench/child.h"
#include "admin/bench/stack_ctl.h"
#include "base/clock.h"
#include "event/decode.h"
#include "event/json.h"

#define ROWS 1000000
#define RUNS 3

static const char create_sql[] =
    "DROP TABLE IF EXISTS bench_copy;"
    "CREATE TABLE bench_copy (event_id text PRIMARY KEY, source text, funnel_stage text,"
    " event_type text, timestamp timestamptz, user_id text, campaign_id text, correlation_id text,"
    " received_at timestamptz, data jsonb);"
    "CREATE INDEX ON bench_copy USING brin (timestamp)";

/* One line of COPY's text format. The benchmark's events hold no backslash, tab or line feed. */
static void write_row(FILE *out, const struct event *ev)
{
    char when[TIMESTAMP_TEXT_MAX];
    struct span time = timestamp_format(ev->timestamp_usec, when);
    struct span campaign = ev->engagement.campaign_id;

    fprintf(out, "%.*s\t%s\t%s\t%s\t%.*s\t%.*s\t%.*s\t%s\t%.*s\t", SPAN_ARG(ev->event_id),
            event_source_names[ev->source], event_stage_names[ev->stage],
            event_type_names[ev->type], SPAN_ARG(time), SPAN_ARG(ev->user.user_id),
            campaign.ptr ? (int)campaign.len : 2, campaign.ptr ? campaign.ptr : "\\N",
            "00000000-0000-4000-8000-000000000000", SPAN_ARG(time));
    fwrite(ev->raw.ptr, 1, ev->raw.len, out);
    fputc('\n', out);
}

static int write_rows(struct bench *b, FILE *out)
{
    _cleanup_(event_decoder_freep) struct event_decoder *decoder =
        event_decoder_new(VALIDATION_LENIENT, 1 << 17);
    _cleanup_strbuf_ struct strbuf text;
    struct event_fault fault;
    struct event ev;
    int r = decoder ? 0 : -ENOMEM;

    strbuf_init(&text, 1 << 17);
    for (uint32_t i = 0; r == 0 && i < ROWS; i++) {
        strbuf_reset(&text);
        r = bench_events_one(b->events, &text);
        if (r == 0)
            r = strbuf_reserve(&text, JSON_PADDING);
        if (r == 0)
            r = event_decode(decoder, strbuf_span(&text), clock_wall_usec(), &ev, &fault);
        if (r == 0)
            write_row(out, &ev);
        if (i % 50000 == 0)
            bench_progress(b, (double)i / ROWS / 4, "rows for \\copy");
    }
    return r;
}

static int psql(struct bench *b, const struct stack *stack, const char *sql, struct strbuf *err)
{
    const char *argv[] = { b->self,           "psql", "--data", stack->data, "-q", "-v",
                           "ON_ERROR_STOP=1", "-c",   sql,      NULL };

    return child_run(argv, NULL, err) == 0 ? 0 : -EIO;
}

static int measure(struct bench *b, const struct stack *stack, const char *path, struct strbuf *err)
{
    char copy[BENCH_TEXT_MAX + 64];
    double best = 0;
    int r = 0;

    (void)snprintf(copy, sizeof(copy), "\\copy bench_copy from '%s'", path);
    for (int run = 0; r == 0 && run < RUNS; run++) {
        uint64_t started;

        bench_progress(b, 0.25 + 0.25 * run, "\\copy, run %d of %d", run + 1, RUNS);
        r = psql(b, stack, create_sql, err);
        started = clock_mono_usec();
        if (r == 0)
            r = psql(b, stack, copy, err);
        if (run > 0)
            best = fmax(best, ROWS / ((double)(clock_mono_usec() - started) / 1e6));
    }
    if (r == 0)
        figures_set(&b->figures, "rows/s", best, "floor.copy");
    return r;
}

int bench_floor_copy(struct bench *b, struct strbuf *err)
{
    char path[BENCH_TEXT_MAX + 16];
    struct stack stack;
    FILE *out;
    int r;

    (void)snprintf(path, sizeof(path), "%s/rows.tsv", b->dir);
    out = fopen(path, "we");
    r = out ? write_rows(b, out) : -errno;
    if (out && fclose(out) != 0)
        r = -EIO;
    if (r < 0) {
        strbuf_setf(err, "%s: cannot write the rows: %s", path, strerror(-r));
        return r;
    }
    r = stack_start(b, &stack, "copy", "gateway=0,fb-collector=0,ttk-collector=0,reporter=0", err);
    if (r == 0) {
        r = measure(b, &stack, path, err);
        stack_stop(b, &stack);
    }
    (void)remove(path);
    return r;
}
