/*
 * The whole pipeline: POST to COMMIT in steady state, what each process costs an event, how much
 * memory it takes; then, at half that rate, how long it takes from the answer to a POST until a
 * report shows the event.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "admin/bench/bench.h"
#include "admin/bench/client.h"
#include "admin/bench/freshness.h"
#include "admin/bench/load.h"
#include "admin/bench/memory.h"
#include "admin/bench/stack_ctl.h"
#include "base/clock.h"
#include "base/usage.h"

#define WARM_UP_USEC (8 * USEC_PER_SEC)
#define LOOK_MSEC 100
#define LOAD_MAX_USEC (3600 * USEC_PER_SEC)

/* Looks ten times a second until `done` of ctx says so or the time is up. */
static void watch_for(struct load *l, uint64_t usec, uint64_t until_stored, const char *what)
{
    uint64_t started = clock_mono_usec(), first = load_watch(l), now, stored;

    do {
        (void)poll(NULL, 0, LOOK_MSEC);
        now = clock_mono_usec();
        stored = load_watch(l);
        bench_progress(l->bench,
                       until_stored ? (double)stored / (double)until_stored
                                    : (double)(now - started) / (double)usec,
                       "%s: %.0f events/s, %llu stored", what,
                       (double)(stored - first) * 1e6 / (double)(now - started),
                       (unsigned long long)stored);
    } while (now - started < usec && (until_stored == 0 || stored < until_stored));
}

static void usage_all(const struct stack *stack, struct usage *ret)
{
    for (size_t i = 0; i < stack->count; i++) {
        bool backends = strcmp(stack->processes[i].name, "postgres") == 0;

        if (usage_of(stack->processes[i].pid, backends, &ret[i]) < 0)
            ret[i] = (struct usage){ 0 };
    }
}

/* Sets CPU an event and memory of every process from two looks at them. */
static void set_costs(struct bench *b, const struct stack *stack, const struct usage *before,
                      const struct usage *after, double events)
{
    double sum = 0;

    for (size_t i = 0; i < stack->count; i++) {
        double cpu = (after[i].cpu_seconds - before[i].cpu_seconds) * 1e6 / events;

        figures_set(&b->figures, "us/event", cpu, "cpu.%s", stack->processes[i].name);
        figures_set(&b->figures, "MiB",
                    (double)MAX(after[i].peak_bytes, after[i].memory_bytes) / (1 << 20),
                    "memory.%s", stack->processes[i].name);
        sum += cpu;
    }
    figures_set(&b->figures, "us/event", sum, "cpu.all");
}

/* Warms up, then measures for b->seconds. */
static void steady_state(struct load *l, const char *key, bool costs)
{
    struct bench *b = l->bench;
    struct usage before[STACK_PROCESSES_MAX] = { 0 }, after[STACK_PROCESSES_MAX] = { 0 };
    uint64_t started, first, stored;
    double seconds;

    watch_for(l, WARM_UP_USEC, 0, "warming up");
    usage_all(l->stack, before);
    started = clock_mono_usec();
    first = load_watch(l);
    watch_for(l, MAX(b->seconds, 30u) * USEC_PER_SEC, 0, "end to end");
    stored = load_watch(l) - first;
    seconds = (double)(clock_mono_usec() - started) / 1e6;
    usage_all(l->stack, after);
    figures_set(&b->figures, "events/s", (double)stored / seconds, "%s", key);
    if (costs)
        set_costs(b, l->stack, before, after, (double)stored);
}

static int measure_rate(struct bench *b, const struct stack *stack, struct strbuf *err)
{
    struct load load = { .bench = b, .stack = stack, .max_usec = LOAD_MAX_USEC };
    int r = load_start(&load, err);

    if (r < 0)
        return r;
    steady_state(&load, "e2e.rate", /* costs= */ true);
    if (b->full_rows) {
        watch_for(&load, LOAD_MAX_USEC, b->full_rows, "filling up");
        steady_state(&load, "e2e.rate_full", /* costs= */ false);
    }
    return load_stop(&load, err);
}

static int measure_freshness(struct bench *b, const struct stack *stack, struct strbuf *err)
{
    struct load load = { .bench = b,
                         .stack = stack,
                         .max_usec = LOAD_MAX_USEC,
                         .rate = figures_get(&b->figures, "e2e.rate") / 2 };
    int r, stopped;

    bench_touch_memory(b);
    r = load_start(&load, err);
    if (r < 0)
        return r;
    watch_for(&load, WARM_UP_USEC, 0, "half load");
    r = freshness_measure(b, &load, err);
    stopped = load_stop(&load, err);
    return r < 0 ? r : stopped;
}

int bench_end_to_end(struct bench *b, struct strbuf *err)
{
    struct stack stack;
    int r;

    bench_touch_memory(b);
    r = stack_start(b, &stack, "e2e", NULL, err);
    if (r < 0)
        return r;
    r = measure_rate(b, &stack, err);
    if (r == 0)
        r = measure_freshness(b, &stack, err);
    stack_stop(b, &stack);
    return r;
}
