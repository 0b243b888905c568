#include "admin/top/model.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"

/* Two readings of one process. */
struct pair {
    const struct sample_process *before, *now;
    double seconds;
    bool replaced; /* it counts from 0 again */
};

static const struct sample_process *find(const struct sample *s, const char *name)
{
    for (size_t i = 0; s && i < s->count; i++)
        if (strcmp(s->processes[i].name, name) == 0)
            return &s->processes[i];
    return NULL;
}

/* False when there are no two readings to compare. */
static bool pair_up(const struct sample *before, const struct sample_process *now, struct pair *ret)
{
    const struct sample_process *then = find(before, now->name);

    if (!then || !then->has_usage || !now->has_usage || now->read_usec <= then->read_usec)
        return false;
    ret->before = then;
    ret->now = now;
    ret->seconds = (double)(now->read_usec - then->read_usec) / (double)USEC_PER_SEC;
    /* the start time is computed anew at each start only: it does not waver */
    ret->replaced = now->pid != then->pid ||
                    now->reading.started_seconds != then->reading.started_seconds ||
                    now->cpu_seconds < then->cpu_seconds;
    return true;
}

static double counted(const struct pair *pair, double before, double now)
{
    return pair->replaced || now < before ? now : now - before;
}

/* Adds to a sum that begins as NAN: not known until somebody says something. */
static void add(double *sum, double value)
{
    if (!isnan(value))
        *sum = isnan(*sum) ? value : *sum + value;
}

static void raise(double *largest, double value)
{
    if (isnan(*largest) || value > *largest)
        *largest = value;
}

static double count_of(const struct reading *r, enum reading_count count, int source)
{
    double sum = NAN;

    if (source < READING_SOURCES)
        return reading_counts(r, count, source) ? r->count[count][source] : NAN;
    for (int i = 0; i < READING_SOURCES; i++)
        add(&sum, count_of(r, count, i));
    return sum;
}

/* A second, over one source or, with READING_SOURCES, all. */
static double rate_of(const struct pair *pair, enum reading_count count, int source)
{
    double now = count_of(&pair->now->reading, count, source);
    double before = count_of(&pair->before->reading, count, source);

    if (isnan(now) || isnan(before))
        return NAN;
    return counted(pair, before, now) / pair->seconds;
}

static double stored_rate(const struct pair *pair, int source)
{
    double rate = rate_of(pair, READING_COMMITTED, source) -
                  rate_of(pair, READING_DUPLICATES, source) -
                  rate_of(pair, READING_EXPIRED, source);

    return isnan(rate) ? rate : MAX(rate, 0);
}

static void add_rates(struct model_flow *f, const struct pair *pair, int source)
{
    add(&f->in, rate_of(pair, READING_PROCESSED, source));
    add(&f->failed, rate_of(pair, READING_FAILED, source));
    add(&f->stored, stored_rate(pair, source));
    add(&f->duplicates, rate_of(pair, READING_DUPLICATES, source));
    add(&f->dead, rate_of(pair, READING_DEAD, source));
}

/* Adds what was observed between two readings. Buckets are the same in all of one program. */
static void add_delays(struct reading_delays *sum, const struct pair *pair, int source)
{
    const struct reading_delays *now = &pair->now->reading.delays[source];
    const struct reading_delays *before = &pair->before->reading.delays[source];
    bool same = before->buckets == now->buckets;

    for (size_t i = 0; i < now->buckets; i++) {
        sum->bound[i] = now->bound[i];
        sum->count[i] += same ? counted(pair, before->count[i], now->count[i]) : now->count[i];
    }
    sum->buckets = MAX(sum->buckets, now->buckets);
}

double model_quantile(const struct reading_delays *delays, double q)
{
    double total = delays->buckets ? delays->count[delays->buckets - 1] : 0;
    double low = 0, below = 0;

    if (total <= 0)
        return NAN;
    for (size_t i = 0; i < delays->buckets; i++) {
        if (delays->count[i] < q * total || delays->count[i] <= below) {
            low = delays->bound[i];
            below = delays->count[i];
            continue;
        }
        if (isinf(delays->bound[i])) /* all that is known of those beyond the last bound */
            return low;
        return low + (delays->bound[i] - low) * (q * total - below) / (delays->count[i] - below);
    }
    return low;
}

static void set_freshness(struct model_flow *f, const struct reading_delays *delays)
{
    f->p50_seconds = model_quantile(delays, 0.5);
    f->p99_seconds = model_quantile(delays, 0.99);
}

/* The collectors of a source see the same stream and consumer: the largest is the newest, or as
 * good. */
static void take_gauges(struct model_flow *f, const struct reading *r, int source)
{
    double limit = r->gauge[READING_STREAM_MAX_BYTES][source];

    if (!reading_gauges(r, READING_PENDING, source))
        return;
    raise(&f->lag_messages,
          r->gauge[READING_PENDING][source] + r->gauge[READING_ACK_PENDING][source]);
    raise(&f->lag_bytes, r->gauge[READING_LAG_BYTES][source]);
    raise(&f->lag_seconds, r->gauge[READING_LAG_SECONDS][source]);
    if (limit > 0)
        raise(&f->stream_share, r->gauge[READING_STREAM_BYTES][source] / limit);
}

static void flow_init(struct model_flow *f)
{
    *f = (struct model_flow){ NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
}

static void sum_lags(struct model *m)
{
    for (int source = 0; source < SOURCE_COUNT; source++) {
        const struct model_flow *f = &m->source[source];

        add(&m->all.lag_messages, f->lag_messages);
        add(&m->all.lag_bytes, f->lag_bytes);
        raise(&m->all.lag_seconds, f->lag_seconds);
        raise(&m->all.stream_share, f->stream_share);
    }
}

static void take_rates(struct model *m, const struct pair *pair)
{
    add_rates(&m->all, pair, READING_SOURCES);
    add(&m->dead_letters, rate_of(pair, READING_LETTERS, READING_SOURCES));
    add(&m->dead_letters, rate_of(pair, READING_DEAD, READING_SOURCES));
    add(&m->retries, rate_of(pair, READING_RETRIES, READING_SOURCES));
    for (int source = 0; source < SOURCE_COUNT; source++)
        add_rates(&m->source[source], pair, source);
}

static void make_flows(struct model *m, const struct sample *before, const struct sample *now)
{
    struct reading_delays delays[SOURCE_COUNT] = { 0 }, all = { 0 };
    struct pair pair;

    for (size_t i = 0; i < now->count; i++) {
        const struct sample_process *p = &now->processes[i];

        for (int source = 0; source < SOURCE_COUNT; source++)
            take_gauges(&m->source[source], &p->reading, source);
        if (!p->reading.known || !pair_up(before, p, &pair))
            continue;
        m->seconds = pair.seconds;
        take_rates(m, &pair);
        for (int source = 0; source < SOURCE_COUNT; source++) {
            add_delays(&delays[source], &pair, source);
            add_delays(&all, &pair, source);
        }
    }
    for (int source = 0; source < SOURCE_COUNT; source++)
        set_freshness(&m->source[source], &delays[source]);
    set_freshness(&m->all, &all);
    sum_lags(m);
}

static void add_totals(struct model_totals *t, const struct reading *r)
{
    double duplicates = count_of(r, READING_DUPLICATES, READING_SOURCES);
    double expired = count_of(r, READING_EXPIRED, READING_SOURCES);

    add(&t->in, count_of(r, READING_PROCESSED, READING_SOURCES));
    add(&t->failed, count_of(r, READING_FAILED, READING_SOURCES));
    add(&t->stored, count_of(r, READING_COMMITTED, READING_SOURCES) - duplicates - expired);
    add(&t->duplicates, duplicates);
    add(&t->expired, expired);
    add(&t->dead_letters, count_of(r, READING_LETTERS, READING_SOURCES));
    add(&t->dead_letters, count_of(r, READING_DEAD, READING_SOURCES));
}

static void set_work(struct model_process *row, const struct pair *pair)
{
    const struct reading *r = &pair->now->reading;

    if (!isnan(count_of(r, READING_PROCESSED, READING_SOURCES))) {
        row->rate = rate_of(pair, READING_PROCESSED, READING_SOURCES);
        row->does = "/s in";
    } else if (!isnan(count_of(r, READING_COMMITTED, READING_SOURCES))) {
        row->rate = stored_rate(pair, READING_SOURCES);
        row->does = "/s stored";
    } else if (!isnan(count_of(r, READING_REPORTS, READING_SOURCES))) {
        row->rate = rate_of(pair, READING_REPORTS, READING_SOURCES);
        row->does = "/s reports";
    }
}

static void make_process(struct model_process *row, const struct sample *before,
                         const struct sample_process *p)
{
    struct pair pair;

    *row = (struct model_process){ .process = p, .cpu = NAN, .memory_bytes = NAN, .rate = NAN };
    row->fine = strcmp(p->state, "ready") == 0 || strcmp(p->state, "done") == 0;
    if (p->has_usage)
        row->memory_bytes = p->memory_bytes;
    if (!pair_up(before, p, &pair))
        return;
    row->cpu = counted(&pair, pair.before->cpu_seconds, p->cpu_seconds) / pair.seconds;
    set_work(row, &pair);
}

void model_make(struct model *m, const struct sample *before, const struct sample *now)
{
    *m = (struct model){ .running = now->running,
                         .why = now->why,
                         .wall_usec = now->wall_usec,
                         .seconds = NAN,
                         .dead_letters = NAN,
                         .retries = NAN,
                         .totals = { NAN, NAN, NAN, NAN, NAN, NAN },
                         .complaints = &now->complaints };
    flow_init(&m->all);
    for (int source = 0; source < SOURCE_COUNT; source++)
        flow_init(&m->source[source]);
    make_flows(m, before, now);
    for (size_t i = 0; i < now->count; i++) {
        struct model_process *row = &m->processes[m->process_count++];

        make_process(row, before, &now->processes[i]);
        m->not_fine += !row->fine;
        m->partial |= row->process->url[0] && !row->process->reading.known;
        add_totals(&m->totals, &now->processes[i].reading);
    }
}
