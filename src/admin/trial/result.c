#include "admin/trial/result.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json_out.h"

static double seconds(uint64_t usec)
{
    return (double)usec / (double)USEC_PER_SEC;
}

static double milliseconds(const struct histogram *h, double share)
{
    return (double)histogram_percentile(h, share) / 1000;
}

static double rate(const struct trial_phase *phase)
{
    return phase->took_usec ? (double)phase->counts.events / seconds(phase->took_usec) : 0;
}

static void print_phase(const struct trial_phase *phase)
{
    const struct sender_counts *c = &phase->counts;

    printf("%s: %llu events in %llu request%s, %.1f s, %.0f events/s\n", phase->name,
           (unsigned long long)c->events, (unsigned long long)c->requests,
           c->requests == 1 ? "" : "s", seconds(phase->took_usec), rate(phase));
    printf("  %llu accepted, %llu rejected, %llu refused, %llu tries repeated\n",
           (unsigned long long)c->accepted, (unsigned long long)c->rejected,
           (unsigned long long)c->refused, (unsigned long long)c->retries);
    printf("  a request took p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, at most %.1f ms\n",
           milliseconds(&phase->latency, 0.5), milliseconds(&phase->latency, 0.95),
           milliseconds(&phase->latency, 0.99), (double)phase->latency.max / 1000);
}

static void print_text(const struct trial *t)
{
    for (size_t i = 0; i < t->phase_count; i++)
        if (t->phases[i].ran)
            print_phase(&t->phases[i]);
    if (t->verdict.len > 0)
        printf("FAILED\n%s\n", t->verdict.ptr);
    else
        printf("OK: the reports had all %llu events %.1f s after the first was sent; %u figures "
               "compared, all exact\n",
               (unsigned long long)t->tally.events, seconds(t->stored_usec), t->compared);
}

static void number(struct json_out *j, const char *key, uint64_t value)
{
    json_key(j, key);
    json_u64(j, value);
}

static void fraction(struct json_out *j, const char *key, double value)
{
    json_key(j, key);
    json_double(j, value);
}

static void write_phase(struct json_out *j, const struct trial_phase *phase)
{
    json_object(j);
    json_key(j, "name");
    json_str(j, phase->name);
    number(j, "events", phase->counts.events);
    number(j, "requests", phase->counts.requests);
    number(j, "accepted", phase->counts.accepted);
    number(j, "rejected", phase->counts.rejected);
    number(j, "refused", phase->counts.refused);
    number(j, "retries", phase->counts.retries);
    fraction(j, "seconds", seconds(phase->took_usec));
    fraction(j, "eventsPerSecond", rate(phase));
    fraction(j, "p50Ms", milliseconds(&phase->latency, 0.5));
    fraction(j, "p95Ms", milliseconds(&phase->latency, 0.95));
    fraction(j, "p99Ms", milliseconds(&phase->latency, 0.99));
    fraction(j, "maxMs", (double)phase->latency.max / 1000);
    json_object_end(j);
}

static void print_json(const struct trial *t)
{
    _cleanup_strbuf_ struct strbuf out;
    struct json_out j;

    strbuf_init(&out, 1 << 16);
    json_out_init(&j, &out);
    json_object(&j);
    json_key(&j, "ok");
    json_bool(&j, t->verdict.len == 0);
    json_key(&j, "problem");
    json_str(&j, t->verdict.len ? t->verdict.ptr : NULL);
    number(&j, "figuresCompared", t->compared);
    fraction(&j, "storedSeconds", seconds(t->stored_usec));
    json_key(&j, "phases");
    json_array(&j);
    for (size_t i = 0; i < t->phase_count; i++)
        if (t->phases[i].ran)
            write_phase(&j, &t->phases[i]);
    json_array_end(&j);
    json_object_end(&j);
    printf("%s\n", out.ptr);
}

void result_print(const struct trial *t)
{
    if (t->json)
        print_json(t);
    else
        print_text(t);
}
