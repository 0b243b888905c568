/* Reads the letters that the options ask for. */
#include <errno.h>
#include <inttypes.h>

#include "admin/dlq/dlq.h"
#include "admin/trial/progress.h"

static int open_reader(struct dlq *q, const struct dlq_scan *scan, struct bus_reader **ret,
                       struct strbuf *err)
{
    const struct letter_filter *filter = &q->options->filter;
    char subject[LETTER_SUBJECT_MAX];
    const struct bus_reader_options options = {
        .stream = q->options->stream,
        .filter_subject = letter_subject(filter, subject),
        .start_nsec = filter->from_nsec,
        .end_seq = scan->end_seq,
        .headers_only = scan->headers_only,
    };
    int r = bus_reader_open(q->bus, &options, ret, err);

    if (r == -ENOENT)
        strbuf_setf(err, "there is no stream %s; sluice init makes it, as every gateway does",
                    q->options->stream);
    return r;
}

/* enum dlq_taken; what was not asked for is passed. */
static int offer(struct dlq *q, const struct dlq_scan *scan, struct bus_delivery *delivery,
                 struct strbuf *err)
{
    _cleanup_(bus_delivery_freep) struct bus_delivery *d = delivery;
    struct letter letter;
    int r;

    letter_of(d, &letter);
    if (!letter_matches(&letter, &q->options->filter))
        return DLQ_PASSED;
    r = scan->take(scan->ctx, &letter, err);
    if (r == DLQ_KEPT)
        (void)TAKE_PTR(d);
    return r;
}

int dlq_scan(struct dlq *q, const struct dlq_scan *scan, uint64_t *ret_end_seq, struct strbuf *err)
{
    _cleanup_(bus_reader_freep) struct bus_reader *reader = NULL;
    uint64_t taken = 0, read = 0, total;
    struct bus_delivery *d;
    struct progress progress;
    int r = open_reader(q, scan, &reader, err);

    if (r < 0)
        return r;
    progress_start(&progress);
    total = bus_reader_total(reader);
    while ((!scan->limit || taken < scan->limit) && (r = bus_reader_next(reader, &d, err)) > 0) {
        r = offer(q, scan, d, err);
        if (r < 0)
            break;
        taken += r != DLQ_PASSED;
        read++;
        if (scan->what)
            progress_show(&progress, scan->what, read, MAX(read, total),
                          "%" PRIu64 " of %" PRIu64 " dead letters", read, MAX(read, total));
    }
    if (scan->what)
        progress_clear(&progress);
    if (r < 0)
        return r;
    if (ret_end_seq)
        *ret_end_seq = bus_reader_end_seq(reader);
    return 0;
}
