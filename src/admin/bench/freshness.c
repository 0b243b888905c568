#include "admin/bench/freshness.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "admin/bench/histogram.h"
#include "base/clock.h"
#include "load/http_load.h"

#define VISIBLE_PATIENCE_USEC (30 * USEC_PER_SEC)
#define ASK_EVERY_MSEC 2
#define PROBE_DAYS_AGO 40

struct probing {
    struct bench *bench;
    struct load *load;
    struct http_load *http;
    uint64_t sent_at, answered_at; /* of the probe under way; 0 = none yet */
    long status;
    struct histogram ack, fresh;
};

static void on_answer(void *ctx, const struct http_load_result *result)
{
    struct probing *p = ctx;

    p->answered_at = clock_mono_usec();
    p->status = result->status;
}

static int post_probe(struct probing *p, int64_t when_usec)
{
    _cleanup_strbuf_ struct strbuf body;
    char when[TIMESTAMP_TEXT_MAX];
    int r;

    strbuf_init(&body, 4096);
    r = strbuf_addf(&body,
                    "{\"eventId\":\"probe-%lld\",\"timestamp\":\"%.*s\",\"source\":\"facebook\","
                    "\"funnelStage\":\"top\",\"eventType\":\"ad.view\",\"data\":{\"user\":{"
                    "\"userId\":\"probe\",\"name\":\"Probe\",\"age\":30,\"gender\":\"female\","
                    "\"location\":{\"country\":\"Germany\",\"city\":\"Berlin\"}}}}",
                    (long long)when_usec, SPAN_ARG(timestamp_format(when_usec, when)));
    if (r < 0)
        return r;
    p->answered_at = 0;
    p->sent_at = clock_mono_usec();
    r = http_load_post(p->http, strbuf_span(&body), "bench-probe", NULL);
    while (r == 0 && p->answered_at == 0)
        r = http_load_poll(p->http, 100 * USEC_PER_MSEC);
    return r < 0 ? r : p->status == 200 ? 0 : -EIO;
}

/* 1 when the report for that very microsecond counts one event. */
static int visible(struct probing *p, int64_t when_usec, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf answer;
    char url[256], from[TIMESTAMP_TEXT_MAX], to[TIMESTAMP_TEXT_MAX];
    long status;
    int r;

    strbuf_init(&answer, 1 << 16);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/reports/events?from=%.*s&to=%.*s",
                   stack_port(p->load->stack, "reporter"),
                   SPAN_ARG(timestamp_format(when_usec, from)),
                   SPAN_ARG(timestamp_format(when_usec + 1, to)));
    r = http_get(url, 10 * USEC_PER_SEC, &status, &answer, err);
    if (r < 0)
        return r;
    if (status != 200) {
        strbuf_setf(err, "the reporter answered %ld", status);
        return -EIO;
    }
    return strstr(answer.ptr, "\"totalEvents\":1") != NULL;
}

static int probe(struct probing *p, int64_t when_usec, struct strbuf *err)
{
    int r = post_probe(p, when_usec);

    if (r < 0) {
        strbuf_setf(err, "a probe event was not accepted: %s", strerror(-r));
        return r;
    }
    histogram_add(&p->ack, p->answered_at - p->sent_at);
    while ((r = visible(p, when_usec, err)) == 0) {
        if (clock_mono_usec() - p->answered_at > VISIBLE_PATIENCE_USEC) {
            strbuf_setf(err, "a probe event did not show in a report within 30 s");
            return -ETIMEDOUT;
        }
        (void)poll(NULL, 0, ASK_EVERY_MSEC);
    }
    if (r < 0)
        return r;
    histogram_add(&p->fresh, clock_mono_usec() - p->answered_at);
    return 0;
}

static int probe_all(struct probing *p, struct strbuf *err)
{
    uint64_t started = clock_mono_usec(), length = p->bench->seconds * (uint64_t)USEC_PER_SEC;
    int64_t when = clock_wall_usec() - PROBE_DAYS_AGO * USEC_PER_DAY;
    int r = 0;

    while (r == 0 && clock_mono_usec() - started < length) {
        (void)load_watch(p->load);
        bench_progress(p->bench, (double)(clock_mono_usec() - started) / (double)length,
                       "freshness at half load, %llu probes", (unsigned long long)p->fresh.count);
        r = probe(p, when++, err);
    }
    return r;
}

int freshness_measure(struct bench *b, struct load *load, struct strbuf *err)
{
    struct probing p = { .bench = b, .load = load };
    char url[128];
    struct http_load_options options = { .url = url,
                                         .content_type = "application/json",
                                         .connections = 1,
                                         .timeout_usec = 30 * USEC_PER_SEC,
                                         .done = on_answer,
                                         .ctx = &p };
    int r;

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/webhook/events",
                   stack_port(load->stack, "gateway"));
    r = http_load_new(&options, &p.http, err);
    if (r < 0)
        return r;
    r = probe_all(&p, err);
    p.http = http_load_free(p.http);
    if (r < 0)
        return r;
    figures_set(&b->figures, "ms", (double)histogram_percentile(&p.fresh, 0.5) / 1000,
                "freshness.p50");
    figures_set(&b->figures, "ms", (double)histogram_percentile(&p.fresh, 0.99) / 1000,
                "freshness.p99");
    figures_set(&b->figures, "ms", (double)histogram_percentile(&p.ack, 0.99) / 1000,
                "ack.p99_loaded");
    return 0;
}
