/*
 * The page as a browser comes by it: the document, then what it names, then the reports that it
 * shows first, each step over six connections at once. What a browser takes to run the scripts and
 * to paint is not in the figure.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin/bench/client.h"
#include "admin/bench/reports.h"
#include "base/clock.h"
#include "load/http_load.h"

#define CONNECTIONS 6
#define LOADS 10
#define LIST_MAX 32
#define TARGET_MAX 256
#define PATIENCE_USEC (30 * USEC_PER_SEC)
#define ANSWER_MAX_BYTES (4u << 20)

struct targets {
    char text[LIST_MAX][TARGET_MAX];
    size_t count, next;
};

struct page {
    struct bench *bench;
    const struct stack *stack;
    struct targets document, assets, reports;
    uint64_t bytes; /* of the assets, as they travelled */
};

static int next_target(void *ctx, struct strbuf *out)
{
    struct targets *t = ctx;

    return strbuf_adds(out, t->text[t->next++ % t->count]);
}

/* Everything under /assets/ in the document, once. */
static void find_assets(const char *html, struct targets *ret)
{
    static const char start[] = "\"/assets/";

    for (const char *at = html; (at = strstr(at, start)) && ret->count < LIST_MAX;) {
        const char *end = strchr(at + 1, '"');
        bool known = false;

        if (!end)
            return;
        (void)snprintf(ret->text[ret->count], TARGET_MAX, "%.*s", (int)(end - at - 1), at + 1);
        for (size_t i = 0; i < ret->count; i++)
            known |= strcmp(ret->text[i], ret->text[ret->count]) == 0;
        ret->count += !known;
        at = end;
    }
}

static void add_report(struct page *p, const char *report, int64_t from, int64_t to,
                       const char *rest)
{
    char begin[TIMESTAMP_TEXT_MAX], end[TIMESTAMP_TEXT_MAX];

    (void)snprintf(
        p->reports.text[p->reports.count++], TARGET_MAX, "/reports/%s?from=%.*s&to=%.*s%s", report,
        SPAN_ARG(timestamp_format(from, begin)), SPAN_ARG(timestamp_format(to, end)), rest);
}

/* What web/panels.js asks for when the range is that of all events. */
static void list_reports(struct page *p, const struct dataset *d)
{
    int64_t from = d->from_usec, length = REPORTS_DAYS * USEC_PER_DAY, to = from + length;

    add_report(p, "events", from, to,
               "&interval=day&timezone=Europe/Berlin&groupBy=eventType&compare=previous");
    add_report(p, "revenue", from, to, "&interval=day&timezone=Europe/Berlin&compare=previous");
    add_report(p, "funnel", from, to, "&limit=10");
    add_report(p, "funnel", from - length, from, "&limit=10");
    add_report(p, "campaigns", from, to, "&sort=revenue&order=desc&limit=10&offset=0");
    add_report(p, "demographics", from, to, "");
}

static int find_targets(struct page *p, const struct dataset *d, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf html;
    char url[64];
    long status;
    int r;

    strbuf_init(&html, 1 << 20);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", stack_port(p->stack, "reporter"));
    r = http_get(url, PATIENCE_USEC, &status, &html, err);
    if (r < 0)
        return r;
    p->document.count = 1;
    (void)snprintf(p->document.text[0], TARGET_MAX, "/");
    if (status == 200)
        find_assets(html.ptr, &p->assets);
    if (p->assets.count == 0) {
        strbuf_setf(err, "%s: no page (status %ld)", url, status);
        return -EIO;
    }
    list_reports(p, d);
    return 0;
}

static int fetch(struct page *p, struct targets *targets, uint64_t *ret_bytes, struct strbuf *err)
{
    struct client_options options = {
        .port = stack_port(p->stack, "reporter"),
        .connections = (uint32_t)MIN(targets->count, (size_t)CONNECTIONS),
        .duration_usec = PATIENCE_USEC,
        .requests_max = targets->count,
        .target = next_target,
        .headers = "Accept-Encoding: gzip\r\n",
        .answer_max = ANSWER_MAX_BYTES,
        .ctx = targets,
    };
    struct client_result result;
    int r;

    targets->next = 0;
    r = client_run(&options, &result, err);
    if (r < 0)
        return r;
    if (result.failed) {
        strbuf_setf(err, "the page: %llu of %zu answers were not 200, the last of them %d",
                    (unsigned long long)result.failed, targets->count, result.failed_status);
        return -EIO;
    }
    *ret_bytes = result.bytes;
    return 0;
}

static int load(struct page *p, struct strbuf *err)
{
    uint64_t ignored;
    int r = fetch(p, &p->document, &ignored, err);

    if (r == 0)
        r = fetch(p, &p->assets, &p->bytes, err);
    return r < 0 ? r : fetch(p, &p->reports, &ignored, err);
}

int reports_page(struct bench *b, const struct stack *stack, const struct dataset *d,
                 struct strbuf *err)
{
    struct page p = { .bench = b, .stack = stack };
    struct histogram took = { 0 };
    int r = find_targets(&p, d, err);

    for (int i = 0; r == 0 && i < LOADS; i++) {
        uint64_t started = clock_mono_usec();

        bench_progress(b, (double)i / LOADS, "the page");
        r = load(&p, err);
        histogram_add(&took, clock_mono_usec() - started);
    }
    if (r < 0)
        return r;
    figures_set(&b->figures, "ms", (double)histogram_percentile(&took, 0.5) / 1000, "%llu.page.p50",
                (unsigned long long)d->rows);
    figures_set(&b->figures, "ms", (double)took.max / 1000, "%llu.page.max",
                (unsigned long long)d->rows);
    figures_set(&b->figures, "KiB", (double)p.bytes / 1024, "page.size");
    return 0;
}
