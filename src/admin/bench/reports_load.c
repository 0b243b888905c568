/* Asks: every kind of question by one client, a question after the other, then the mix by many. */
#include <errno.h>
#include <stdio.h>

#include "admin/bench/client.h"
#include "admin/bench/reports.h"
#include "base/clock.h"

#define SEED UINT64_C(20261010)
#define CLIENTS 16
#define ANSWER_MAX_BYTES (4u << 20)
/* Questions of a kind: not fewer, however long they take (but for the limit), and not more, however
 * quick they are. */
#define QUESTIONS_LEAST 20
#define QUESTIONS_MOST 1000
#define KIND_MAX_USEC (60 * USEC_PER_SEC)
/* Before it is measured, for this share of the time: connections prepare their statements then. */
#define WARM_UP_SHARE 5

struct asking {
    struct bench *bench;
    const struct stack *stack;
    const struct dataset *dataset;
    const struct question_kind *kind;
    unsigned variant;
    struct random random;
    uint64_t started, length_usec;
    uint64_t asked, least;
    _Atomic bool stop;
    double done; /* of the step, so far */
};

static int next_target(void *ctx, struct strbuf *out)
{
    struct asking *a = ctx;

    a->asked++;
    if (a->asked >= a->least && clock_mono_usec() - a->started >= a->length_usec)
        atomic_store(&a->stop, true);
    return question_ask(a->kind, a->dataset, &a->random, a->variant, out);
}

static void tick(void *ctx)
{
    struct asking *a = ctx;

    bench_progress(a->bench, a->done, "%s, %llu asked", a->kind->title,
                   (unsigned long long)a->asked);
}

static int ask(struct asking *a, uint32_t clients, uint64_t most, struct client_result *ret,
               struct strbuf *err)
{
    struct client_options options = {
        .port = stack_port(a->stack, "reporter"),
        .connections = clients,
        .duration_usec = (uint64_t)KIND_MAX_USEC / a->kind->variants + a->length_usec,
        .requests_max = most,
        .target = next_target,
        .answer_max = ANSWER_MAX_BYTES,
        .stop = &a->stop,
        .tick = tick,
        .ctx = a,
    };
    int r;

    a->asked = 0;
    a->started = clock_mono_usec();
    atomic_store(&a->stop, false);
    tick(a);
    r = client_run(&options, ret, err);
    if (r == 0 && ret->failed) {
        strbuf_setf(err, "%s: %lu of %lu questions were not answered 200, the last of them %d",
                    a->kind->title, ret->failed, ret->failed + ret->ok, ret->failed_status);
        return -EIO;
    }
    return r;
}

/* The questions of a variant are the same in every run, as far as one gets. */
static int ask_variant(struct asking *a, uint32_t clients, uint64_t least, uint64_t most,
                       struct client_result *ret, struct strbuf *err)
{
    uint64_t length = a->bench->seconds * (uint64_t)USEC_PER_SEC / a->kind->variants;
    int r;

    a->random = random_split(SEED, 0, a->variant);
    a->length_usec = length / WARM_UP_SHARE;
    a->least = clients;
    r = ask(a, clients, most, ret, err);
    if (r < 0)
        return r;
    a->random = random_split(SEED, 1, a->variant);
    a->length_usec = length;
    a->least = least;
    return ask(a, clients, most, ret, err);
}

static void set_figures(const struct asking *a, const char *variant,
                        const struct client_result *result)
{
    const struct histogram *latency = &result->latency;
    unsigned long long rows = a->dataset->rows;
    struct figures *f = &a->bench->figures;

    figures_set(f, "ms", (double)histogram_percentile(latency, 0.5) / 1000, "%llu.%s%s.p50", rows,
                a->kind->key, variant);
    figures_set(f, "ms", (double)histogram_percentile(latency, 0.99) / 1000, "%llu.%s%s.p99", rows,
                a->kind->key, variant);
}

/* The figures of a kind are those of its slowest variant. */
static int measure_kind(struct asking *a, struct strbuf *err)
{
    struct client_result result, slowest = { 0 };
    uint64_t asked = 0;

    for (a->variant = 0; a->variant < a->kind->variants; a->variant++) {
        _cleanup_strbuf_ struct strbuf name;
        int r;

        strbuf_init(&name, FIGURE_KEY_MAX);
        r = ask_variant(a, 1, QUESTIONS_LEAST, QUESTIONS_MOST, &result, err);
        if (r < 0)
            return r;
        if (a->kind->name) {
            (void)strbuf_addc(&name, '.');
            a->kind->name(a->variant, &name);
            set_figures(a, name.ptr, &result);
        }
        asked += result.ok;
        if (slowest.ok == 0 || histogram_percentile(&result.latency, 0.99) >
                                   histogram_percentile(&slowest.latency, 0.99))
            slowest = result;
    }
    set_figures(a, "", &slowest);
    figures_set(&a->bench->figures, "questions", (double)asked, "%llu.%s.asked",
                (unsigned long long)a->dataset->rows, a->kind->key);
    return 0;
}

static int measure_mix(struct asking *a, struct strbuf *err)
{
    struct client_result result;
    int r;

    a->kind = &question_mix;
    a->variant = 0;
    r = ask_variant(a, CLIENTS, CLIENTS, /* most= */ 0, &result, err);
    if (r < 0)
        return r;
    set_figures(a, "", &result);
    figures_set(&a->bench->figures, "reports/s",
                (double)result.ok / ((double)result.took_usec / 1e6), "%llu.%s.rate",
                (unsigned long long)a->dataset->rows, a->kind->key);
    return 0;
}

int reports_measure(struct bench *b, const struct stack *stack, const struct dataset *d,
                    struct strbuf *err)
{
    struct asking a = { .bench = b, .stack = stack, .dataset = d };
    double steps = (double)question_kind_count + 1;
    int r = 0;

    for (size_t i = 0; r == 0 && i < question_kind_count; i++) {
        a.kind = &question_kinds[i];
        a.done = (double)i / steps;
        r = measure_kind(&a, err);
    }
    a.done = (double)question_kind_count / steps;
    return r < 0 ? r : measure_mix(&a, err);
}
