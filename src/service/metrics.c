/* Registration and counting. A thread adds to its own slot of a counter, each slot on a cache line
 * of its own, so that threads never wait for each other; a scrape sums the slots. */
#include "service/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/metrics_private.h"

const double metrics_latency_bounds[] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                          0.1,    0.25,  0.5,    1,     2.5,  5,     10 };
const size_t metrics_latency_bounds_count = ARRAY_SIZE(metrics_latency_bounds);

static double double_of(uint64_t bits)
{
    double v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

static uint64_t bits_of(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

/* Registration fails only by a mistake in the program or at its very start. */
static _Noreturn void refuse(const char *name, const char *why)
{
    fprintf(stderr, "metric %s: %s\n", name, why);
    abort();
}

static void *must(void *p, const char *name)
{
    if (!p)
        refuse(name, "out of memory");
    return p;
}

struct metrics *metrics_new(void)
{
    struct metrics *m = must(calloc(1, sizeof(*m)), "registry");

    m->families_end = &m->families;
    return m;
}

static void family_free(struct family *f)
{
    while (f->series) {
        struct series *s = f->series;

        f->series = s->next;
        if (f->type == METRIC_HISTOGRAM) {
            free(s->histogram.bounds);
            free(s->histogram.slots);
        }
        free(s->labels);
        free(s);
    }
    free(f->name);
    free(f->help);
    free(f);
}

struct metrics *metrics_free(struct metrics *m)
{
    while (m && m->families) {
        struct family *f = m->families;

        m->families = f->next;
        family_free(f);
    }
    free(m);
    return NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n > m && strcmp(text + n - m, end) == 0;
}

static struct family *add_family(struct metrics *m, const char *name, const char *help,
                                 enum metric_type type)
{
    struct family *f;

    if ((type == METRIC_COUNTER) != ends_with(name, "_total"))
        refuse(name, "counters, and only they, end in _total");
    f = must(calloc(1, sizeof(*f)), name);
    f->name = must(strdup(name), name);
    f->help = must(strdup(help), name);
    f->type = type;
    f->series_end = &f->series;
    *m->families_end = f;
    m->families_end = &f->next;
    return f;
}

static struct family *find_family(struct metrics *m, const char *name)
{
    for (struct family *f = m->families; f; f = f->next)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static bool same_labels(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static struct series *add_series(struct metrics *m, const char *name, const char *help,
                                 const char *labels, enum metric_type type)
{
    struct family *f = find_family(m, name);
    struct series *s;

    if (!f)
        f = add_family(m, name, help, type);
    if (f->type != type)
        refuse(name, "registered before as another type");
    for (s = f->series; s; s = s->next)
        if (same_labels(s->labels, labels))
            refuse(name, "registered twice with the same labels");
    s = must(aligned_alloc(CACHE_LINE, sizeof(*s)), name);
    memset(s, 0, sizeof(*s));
    if (labels)
        s->labels = must(strdup(labels), name);
    *f->series_end = s;
    f->series_end = &s->next;
    return s;
}

struct metric_counter *metrics_counter(struct metrics *m, const char *name, const char *help,
                                       const char *labels)
{
    return &add_series(m, name, help, labels, METRIC_COUNTER)->counter;
}

struct metric_gauge *metrics_gauge(struct metrics *m, const char *name, const char *help,
                                   const char *labels)
{
    return &add_series(m, name, help, labels, METRIC_GAUGE)->gauge;
}

struct metric_histogram *metrics_histogram(struct metrics *m, const char *name, const char *help,
                                           const char *labels, const double *bounds, size_t count)
{
    struct metric_histogram *h = &add_series(m, name, help, labels, METRIC_HISTOGRAM)->histogram;
    size_t bytes = sizeof(struct histogram_slot) + (count + 1) * sizeof(_Atomic uint64_t);

    h->stride = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    h->slots = must(aligned_alloc(CACHE_LINE, h->stride * METRIC_SLOTS), name);
    memset(h->slots, 0, h->stride * METRIC_SLOTS);
    h->bounds = must(calloc(count + 1, sizeof(double)), name);
    memcpy(h->bounds, bounds, count * sizeof(double));
    h->bound_count = count;
    return h;
}

static void add_read(struct series *s, metric_read_fn read, void *ctx)
{
    s->read = read;
    s->ctx = ctx;
}

void metrics_gauge_fn(struct metrics *m, const char *name, const char *help, const char *labels,
                      metric_read_fn read, void *ctx)
{
    add_read(add_series(m, name, help, labels, METRIC_GAUGE), read, ctx);
}

void metrics_counter_fn(struct metrics *m, const char *name, const char *help, const char *labels,
                        metric_read_fn read, void *ctx)
{
    add_read(add_series(m, name, help, labels, METRIC_COUNTER), read, ctx);
}

static size_t own_slot(void)
{
    static _Atomic size_t threads;
    static _Thread_local size_t slot = SIZE_MAX;

    if (slot == SIZE_MAX)
        slot = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % METRIC_SLOTS;
    return slot;
}

void metric_add(struct metric_counter *c, uint64_t n)
{
    atomic_fetch_add_explicit(&c->slots[own_slot()].value, n, memory_order_relaxed);
}

void metric_set(struct metric_gauge *g, double value)
{
    atomic_store_explicit(&g->bits, bits_of(value), memory_order_relaxed);
}

static struct histogram_slot *histogram_slot(const struct metric_histogram *h, size_t i)
{
    return (struct histogram_slot *)(void *)(h->slots + i * h->stride);
}

void metric_observe(struct metric_histogram *h, double value)
{
    struct histogram_slot *slot = histogram_slot(h, own_slot());
    uint64_t old = atomic_load_explicit(&slot->sum_bits, memory_order_relaxed);
    size_t bucket = 0;

    while (bucket < h->bound_count && value > h->bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&slot->buckets[bucket], 1, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&slot->sum_bits, &old,
                                                  bits_of(double_of(old) + value),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

uint64_t metric_counter_value(const struct metric_counter *c)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < METRIC_SLOTS; i++)
        sum += atomic_load_explicit(&c->slots[i].value, memory_order_relaxed);
    return sum;
}

uint64_t histogram_bucket(const struct metric_histogram *h, size_t bucket)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < METRIC_SLOTS; i++)
        sum += atomic_load_explicit(&histogram_slot(h, i)->buckets[bucket], memory_order_relaxed);
    return sum;
}

struct histogram_sum histogram_total(const struct metric_histogram *h)
{
    struct histogram_sum total = { 0 };

    for (size_t i = 0; i <= h->bound_count; i++)
        total.count += histogram_bucket(h, i);
    for (size_t i = 0; i < METRIC_SLOTS; i++)
        total.sum +=
            double_of(atomic_load_explicit(&histogram_slot(h, i)->sum_bits, memory_order_relaxed));
    return total;
}

double series_value(const struct family *f, const struct series *s)
{
    if (s->read)
        return s->read(s->ctx);
    if (f->type == METRIC_COUNTER)
        return (double)metric_counter_value(&s->counter);
    return double_of(atomic_load_explicit(&s->gauge.bits, memory_order_relaxed));
}
