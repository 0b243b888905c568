/* What two looks at the pipeline say about the time between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "admin/top/model.h"
#include "base/clock.h"
#include "base/macros.h"

#define GATEWAY(started, facebook, tiktok, failed)                                                 \
    "process_start_time_seconds " started "\nprocess_cpu_seconds_total 1\n"                        \
    "process_resident_memory_bytes 1048576\n"                                                      \
    "gateway_events_processed_total{source=\"facebook\",funnel_stage=\"top\"} " facebook "\n"      \
    "gateway_events_processed_total{source=\"tiktok\",funnel_stage=\"top\"} " tiktok "\n"          \
    "gateway_events_failed_total{source=\"unknown\",reason=\"x\"} " failed "\n"                    \
    "gateway_dead_letters_total{kind=\"event\"} " failed "\n"

#define FACEBOOK(committed, duplicates, pending)                                                   \
    "process_start_time_seconds 7\n"                                                               \
    "fb_collector_events_processed_total{source=\"facebook\",funnel_stage=\"top\"} " committed     \
    "\nfb_collector_events_duplicates_total{source=\"facebook\",funnel_stage=\"top\"} " duplicates \
    "\nfb_collector_events_expired_total{source=\"facebook\",funnel_stage=\"top\"} 0\n"            \
    "fb_collector_events_failed_total{source=\"facebook\",reason=\"x\"} 0\n"                       \
    "fb_collector_consumer_pending_messages " pending "\n"                                         \
    "fb_collector_consumer_ack_pending_messages 1\n"                                               \
    "fb_collector_consumer_lag_seconds 0.5\n"                                                      \
    "fb_collector_stream_bytes 50\nfb_collector_stream_max_bytes 100\n"

#define DELAYS(a, b, c)                                                                            \
    "fb_collector_store_delay_seconds_bucket{le=\"0.1\"} " a                                       \
    "\nfb_collector_store_delay_seconds_bucket{le=\"0.2\"} " b                                     \
    "\nfb_collector_store_delay_seconds_bucket{le=\"+Inf\"} " c "\n"

static struct sample before, now;
static struct model model;

static void begin(void)
{
    before = (struct sample){ .running = true };
    now = (struct sample){ .running = true };
}

static struct sample_process *add(struct sample *s, const char *name, double at_seconds,
                                  const char *text)
{
    struct sample_process *p = &s->processes[s->count++];

    (void)snprintf(p->name, sizeof(p->name), "%s", name);
    (void)snprintf(p->state, sizeof(p->state), "%s", text ? "ready" : "down");
    (void)snprintf(p->url, sizeof(p->url), "http://127.0.0.1:1");
    p->pid = 17;
    if (!text)
        return p;
    reading_take(&p->reading, span_str(text));
    p->has_usage = true;
    p->cpu_seconds = p->reading.cpu_seconds;
    p->memory_bytes = p->reading.memory_bytes;
    p->read_usec = (uint64_t)(at_seconds * (double)USEC_PER_SEC);
    return p;
}

static void assert_near(double a, double b)
{
    assert_true(fabs(a - b) < 1e-9);
}

static void rates_are_by_source_and_by_time(UNUSED void **state)
{
    begin();
    add(&before, "gateway", 10, GATEWAY("5", "100", "10", "1"));
    add(&before, "fb-collector", 10, FACEBOOK("90", "5", "0"));
    add(&now, "gateway", 12, GATEWAY("5", "140", "11", "5"));
    add(&now, "fb-collector", 14, FACEBOOK("130", "9", "7"));
    model_make(&model, &before, &now);
    assert_near(model.source[SOURCE_FACEBOOK].in, 20);
    assert_near(model.source[SOURCE_TIKTOK].in, 0.5);
    assert_near(model.all.in, 20.5);
    assert_near(model.source[SOURCE_FACEBOOK].stored, 9);
    assert_near(model.source[SOURCE_FACEBOOK].duplicates, 1);
    assert_near(model.all.failed, 2); /* of no source that could be read */
    assert_near(model.dead_letters, 2);
    assert_near(model.all.lag_messages, 8);
    assert_near(model.all.lag_seconds, 0.5);
    assert_near(model.source[SOURCE_FACEBOOK].stream_share, 0.5);
    assert_near(model.totals.in, 151);
    assert_near(model.totals.stored, 121);
    assert_near(model.totals.dead_letters, 5);
    assert_false(model.partial);
    assert_int_equal(model.not_fine, 0);
    assert_near(model.processes[0].rate, 20.5);
    assert_near(model.processes[0].memory_bytes, 1048576);
}

/* What nobody said is not 0. */
static void unknown_is_not_nothing(UNUSED void **state)
{
    begin();
    add(&before, "gateway", 10, GATEWAY("5", "100", "10", "1"));
    add(&now, "gateway", 12, GATEWAY("5", "100", "10", "1"));
    add(&now, "fb-collector", 12, NULL);
    model_make(&model, &before, &now);
    assert_near(model.all.in, 0);
    assert_true(isnan(model.all.stored));
    assert_true(isnan(model.source[SOURCE_FACEBOOK].stored));
    assert_true(isnan(model.source[SOURCE_FACEBOOK].lag_messages));
    assert_true(isnan(model.all.p99_seconds));
    assert_true(isnan(model.totals.stored));
    assert_true(model.partial);
    assert_int_equal(model.not_fine, 1);
    assert_true(isnan(model.processes[1].memory_bytes));
}

static void without_a_look_before_there_are_totals_only(UNUSED void **state)
{
    begin();
    add(&now, "gateway", 12, GATEWAY("5", "140", "11", "5"));
    for (int i = 0; i < 2; i++) {
        model_make(&model, i ? &before : NULL, &now);
        assert_true(isnan(model.all.in));
        assert_near(model.totals.in, 151);
        assert_true(isnan(model.processes[0].cpu));
    }
}

static void a_new_process_counts_from_0(UNUSED void **state)
{
    static const struct {
        const char *text;
        int64_t pid;
        double in;
    } cases[] = {
        { GATEWAY("5", "100", "0", "0"), 17, 0 },
        { GATEWAY("6", "100", "0", "0"), 17, 50 }, /* started anew */
        { GATEWAY("5", "100", "0", "0"), 18, 50 }, /* another process */
        { GATEWAY("5", "30", "0", "0"), 17, 15 },  /* less than before */
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        begin();
        add(&before, "gateway", 10, GATEWAY("5", "100", "0", "0"));
        add(&now, "gateway", 12, cases[i].text)->pid = cases[i].pid;
        model_make(&model, &before, &now);
        assert_near(model.source[SOURCE_FACEBOOK].in, cases[i].in);
    }
}

static void instances_are_added_up_and_gauges_are_not(UNUSED void **state)
{
    begin();
    add(&before, "fb-collector", 10, FACEBOOK("10", "0", "5"));
    add(&before, "fb-collector-2", 10, FACEBOOK("20", "0", "5"));
    add(&now, "fb-collector", 11, FACEBOOK("13", "0", "5"));
    add(&now, "fb-collector-2", 11, FACEBOOK("24", "0", "6"));
    model_make(&model, &before, &now);
    assert_near(model.all.stored, 7);
    assert_near(model.all.lag_messages, 7);
    assert_near(model.totals.stored, 37);
}

static void freshness_is_of_what_came_in_between(UNUSED void **state)
{
    begin();
    add(&before, "fb-collector", 10, FACEBOOK("10", "0", "0") DELAYS("1000", "1000", "1000"));
    add(&now, "fb-collector", 12, FACEBOOK("20", "0", "0") DELAYS("1050", "1100", "1100"));
    model_make(&model, &before, &now);
    assert_near(model.all.p50_seconds, 0.1);
    assert_near(model.all.p99_seconds, 0.198);
    assert_near(model.source[SOURCE_FACEBOOK].p99_seconds, 0.198);
    assert_true(isnan(model.source[SOURCE_TIKTOK].p99_seconds));
    model_make(&model, &now, &now); /* nothing in between */
    assert_true(isnan(model.all.p50_seconds));
}

static void quantiles_are_those_of_prometheus(UNUSED void **state)
{
    static const struct {
        struct reading_delays delays;
        double q, want;
    } cases[] = {
        { { { 1, 2, INFINITY }, { 0, 0, 0 }, 3 }, 0.5, NAN },
        { { { 0 }, { 0 }, 0 }, 0.5, NAN },
        { { { 1, 2, INFINITY }, { 10, 10, 10 }, 3 }, 0.5, 0.5 },
        { { { 1, 2, INFINITY }, { 0, 10, 10 }, 3 }, 0.5, 1.5 },
        { { { 1, 2, INFINITY }, { 5, 10, 10 }, 3 }, 0.9, 1.8 },
        { { { 1, 2, INFINITY }, { 0, 0, 10 }, 3 }, 0.5, 2 }, /* beyond what is measured */
        { { { 1, 2, INFINITY }, { 10, 10, 10 }, 3 }, 1, 1 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        double got = model_quantile(&cases[i].delays, cases[i].q);

        if (isnan(cases[i].want))
            assert_true(isnan(got));
        else
            assert_near(got, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_by_source_and_by_time),
        cmocka_unit_test(unknown_is_not_nothing),
        cmocka_unit_test(without_a_look_before_there_are_totals_only),
        cmocka_unit_test(a_new_process_counts_from_0),
        cmocka_unit_test(instances_are_added_up_and_gauges_are_not),
        cmocka_unit_test(freshness_is_of_what_came_in_between),
        cmocka_unit_test(quantiles_are_those_of_prometheus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
