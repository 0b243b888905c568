#include "reporter/rejects.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "bus/bus.h"
#include "reporter/rejects_scan.h"

#define SCAN_USEC (3 * UINT64_C(1000000))

/* Where there is no bound, 0; what lies before the epoch or behind 2262 is as good as none. */
static int64_t bound(bool has, int64_t usec, int64_t before_all)
{
    if (!has || usec > INT64_MAX / 1000)
        return 0;
    return usec <= 0 ? before_all : usec * 1000;
}

static const char *text_or_any(const char *text)
{
    return text[0] ? text : NULL;
}

static void query_of(const struct job *job, struct rejects_query *ret)
{
    const struct reject_filter *reject = &job->parser.reject;
    const struct report_filter *times = &job->filter;

    *ret = (struct rejects_query){
        .filter = {
            .source = reject->source,
            .reason = text_or_any(reject->reason),
            .correlation_id = text_or_any(reject->correlation_id),
            .from_nsec = bound(times->has_from, times->from_usec, 0),
            .to_nsec = bound(times->has_to, times->to_usec, 1),
        },
        .before = reject->before,
        .limit = reject->limit,
        .scan_max = REJECTS_SCAN_MAX,
        .deadline_usec = clock_mono_usec() + SCAN_USEC,
    };
}

static void write_list(const struct rejects *rejects, struct json_out *j)
{
    json_array(j);
    for (size_t i = 0; i < rejects->count; i++) {
        struct letter letter;

        letter_of(rejects->found[i], &letter);
        json_object(j);
        letter_write(&letter, j);
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_data(const struct rejects *rejects, struct strbuf *out)
{
    struct json_out j;

    json_out_init(&j, out);
    json_object(&j);
    json_key(&j, "total");
    json_u64(&j, rejects->counts.total);
    json_key(&j, "byReason");
    letter_tally_write(&rejects->counts.by_reason, &j);
    json_key(&j, "bySource");
    letter_tally_write(&rejects->counts.by_source, &j);
    json_key(&j, "complete");
    json_bool(&j, rejects->complete);
    json_key(&j, "scanned");
    json_u64(&j, rejects->scanned);
    json_key(&j, "scanLimit");
    json_u64(&j, REJECTS_SCAN_MAX);
    json_key(&j, "rejects");
    write_list(rejects, &j);
    json_key(&j, "next");
    if (rejects->next)
        json_u64(&j, rejects->next);
    else
        json_null(&j);
    json_object_end(&j);
}

static void make(void *tools, struct job *job)
{
    uint64_t started = clock_mono_usec();
    struct rejects_query query;
    struct rejects rejects;

    query_of(job, &query);
    job->outcome = rejects_scan(tools, &query, &rejects, &job->err);
    if (job->outcome == 0) {
        write_data(&rejects, &job->data);
        job->outcome = strbuf_error(&job->data);
    }
    rejects_release(&rejects);
    job->took_usec = clock_mono_usec() - started;
}

static int open_tools(const void *options, void **ret_tools, struct strbuf *err)
{
    const struct rejects_craft_options *o = options;
    const struct bus_options bus = { .url = o->nats_url, .name = "sluice reporter", .log = o->log };
    struct bus *opened = NULL;
    int r = bus_open(&bus, &opened, err);

    if (r == 0)
        *ret_tools = opened;
    return r;
}

static void close_tools(void *tools)
{
    (void)bus_close(tools);
}

const struct pool_craft rejects_craft = {
    .thread_name = "rejects",
    .open = open_tools,
    .close = close_tools,
    .make = make,
};
