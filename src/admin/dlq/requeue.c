/*
 * sluice dlq requeue: what is a valid event now goes to its stream again, and its letter is deleted
 * when the stream has confirmed it. Stopped between the two, the next run publishes the event once
 * more and the database sees that it has it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/dlq/dlq.h"
#include "admin/dlq/print.h"
#include "admin/dlq/revival.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "bus/publisher.h"

#define PUBLISH_TIMEOUT_USEC UINT64_C(5000000)
#define TEXT_MAX_BYTES ((size_t)64 << 10)
#define NAMED_MAX 20 /* letters that stay, named one by one */
#define NAME_COLUMNS 120

struct requeue {
    struct dlq *q;
    struct revival revival;
    struct letter_counts counts; /* of what can be requeued */
    uint64_t staying;
    struct strbuf named; /* lines */
    uint64_t requeued;
};

static void name_staying(struct requeue *rq, const struct letter *letter,
                         const struct revival_fault *fault)
{
    if (rq->staying++ >= NAMED_MAX)
        return;
    (void)strbuf_addf(&rq->named, "  %" PRIu64 ": ", letter->seq);
    print_safe(&rq->named, span_str(fault->pointer), NAME_COLUMNS);
    (void)strbuf_adds(&rq->named, fault->pointer[0] ? ": " : "");
    print_safe(&rq->named, span_str(fault->detail), NAME_COLUMNS);
    (void)strbuf_addc(&rq->named, '\n');
}

/* 1: *ret is its message. DLQ_PASSED: it stays. */
static int revive(struct requeue *rq, const struct letter *letter, struct revived *ret,
                  struct revival_fault *ret_fault, struct strbuf *err)
{
    int r = revival_of(&rq->revival, letter, clock_wall_usec(), ret, ret_fault);

    if (r == -EBADMSG)
        return 0;
    if (r < 0)
        strbuf_setf(err, "out of memory");
    return r < 0 ? r : 1;
}

static int look(void *ctx, struct letter *letter, struct strbuf *err)
{
    struct requeue *rq = ctx;
    struct revival_fault fault;
    struct revived revived;
    int r = revive(rq, letter, &revived, &fault, err);

    if (r == 0)
        name_staying(rq, letter, &fault);
    if (r <= 0)
        return r;
    letter_count(&rq->counts, letter);
    return DLQ_TAKEN;
}

static int publish(struct requeue *rq, const struct revived *revived, uint64_t seq,
                   struct strbuf *err)
{
    static const struct bus_header headers[] = {
        { "Event-Count", SPAN("1") },
        { "Content-Type", SPAN("application/x-ndjson") },
    };
    const struct bus_message message = {
        .subject = revived->subject,
        .payload = revived->payload,
        .msg_id = revived->msg_id,
        .headers = headers,
        .header_count = ARRAY_SIZE(headers),
    };
    struct bus_result result = { 0 };
    int r = bus_publish_sync(rq->q->bus, &message, PUBLISH_TIMEOUT_USEC, &result);

    if (r < 0)
        strbuf_setf(err, "the stream did not take the event of dead letter %" PRIu64 ": %s", seq,
                    result.error[0] ? result.error : strerror(-r));
    return r;
}

static int requeue(void *ctx, struct letter *letter, struct strbuf *err)
{
    struct requeue *rq = ctx;
    struct revival_fault fault;
    struct revived revived;
    int r = revive(rq, letter, &revived, &fault, err);

    if (r <= 0)
        return r;
    r = publish(rq, &revived, letter->seq, err);
    if (r < 0)
        return r;
    failpoint("dlq.after_publish");
    r = bus_stored_delete(rq->q->bus, rq->q->options->stream, letter->seq, err);
    if (r < 0 && r != -ENOENT) /* somebody else was faster */
        return r;
    rq->requeued++;
    failpoint("dlq.after_delete");
    return DLQ_TAKEN;
}

static void print_preview(struct requeue *rq)
{
    _cleanup_strbuf_ struct strbuf out;

    strbuf_init(&out, TEXT_MAX_BYTES);
    print_counts(&out, &rq->counts);
    printf("%" PRIu64 " dead letters of %s hold valid events and would be requeued\n%s",
           rq->counts.total, rq->q->options->stream, out.len ? out.ptr : "");
    if (rq->staying == 0)
        return;
    printf("%" PRIu64 " stay: their events are not valid\n%s", rq->staying, rq->named.ptr);
    if (rq->staying > NAMED_MAX)
        printf("  and %" PRIu64 " more; sluice dlq ls lists them\n", rq->staying - NAMED_MAX);
}

static int run(struct requeue *rq, struct strbuf *err)
{
    struct dlq_scan scan = {
        .limit = rq->q->options->limit, .what = "reading", .take = look, .ctx = rq
    };
    int r = dlq_scan(rq->q, &scan, &scan.end_seq, err);

    if (r < 0)
        return r;
    print_preview(rq);
    if (rq->counts.total == 0)
        return 0;
    if (!rq->q->options->yes) {
        printf("nothing was changed; add --yes to do it\n");
        return 0;
    }
    (void)fflush(stdout);
    scan.what = "requeue";
    scan.take = requeue;
    r = dlq_scan(rq->q, &scan, NULL, err);
    printf("%" PRIu64 " requeued%s\n", rq->requeued,
           r < 0 ? "; the rest is still there: run it again to go on" : "");
    return r;
}

int dlq_requeue(struct dlq *q, struct strbuf *err)
{
    struct requeue rq = { .q = q };
    int r = revival_init(&rq.revival, q->options->event_max_bytes);

    strbuf_init(&rq.named, TEXT_MAX_BYTES);
    if (r < 0)
        strbuf_setf(err, "out of memory");
    else
        r = run(&rq, err);
    strbuf_release(&rq.named);
    revival_release(&rq.revival);
    return r;
}
