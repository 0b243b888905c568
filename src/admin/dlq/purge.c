/* sluice dlq purge: deletes the letters that the options ask for. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "admin/dlq/dlq.h"
#include "admin/dlq/print.h"
#include "base/failpoint.h"

#define TEXT_MAX_BYTES ((size_t)64 << 10)

static int count(void *ctx, struct letter *letter, struct strbuf *err)
{
    (void)err;
    letter_count(ctx, letter);
    return DLQ_TAKEN;
}

struct purge {
    struct dlq *q;
    uint64_t purged;
};

static int purge(void *ctx, struct letter *letter, struct strbuf *err)
{
    struct purge *p = ctx;
    int r = bus_stored_delete(p->q->bus, p->q->options->stream, letter->seq, err);

    if (r < 0 && r != -ENOENT) /* somebody else was faster */
        return r;
    p->purged += r == 0;
    failpoint("dlq.after_delete");
    return DLQ_TAKEN;
}

static int preview(struct dlq *q, uint64_t *ret_total, uint64_t *ret_end_seq, struct strbuf *err)
{
    struct letter_counts counts = { 0 };
    const struct dlq_scan scan = { .headers_only = true,
                                   .limit = q->options->limit,
                                   .what = "reading",
                                   .take = count,
                                   .ctx = &counts };
    _cleanup_strbuf_ struct strbuf out;
    int r = dlq_scan(q, &scan, ret_end_seq, err);

    if (r < 0)
        return r;
    strbuf_init(&out, TEXT_MAX_BYTES);
    print_counts(&out, &counts);
    printf("%" PRIu64 " dead letters of %s would be deleted\n%s", counts.total, q->options->stream,
           out.len ? out.ptr : "");
    *ret_total = counts.total;
    return 0;
}

int dlq_purge(struct dlq *q, struct strbuf *err)
{
    struct purge p = { .q = q };
    struct dlq_scan scan = { .headers_only = true,
                             .limit = q->options->limit,
                             .what = "purging",
                             .take = purge,
                             .ctx = &p };
    uint64_t total;
    int r = preview(q, &total, &scan.end_seq, err);

    if (r < 0 || total == 0)
        return r;
    if (!q->options->yes) {
        printf("nothing was changed; add --yes to do it\n");
        return 0;
    }
    (void)fflush(stdout);
    r = dlq_scan(q, &scan, NULL, err);
    printf("%" PRIu64 " deleted%s\n", p.purged,
           r < 0 ? "; the rest is still there: run it again to go on" : "");
    return r;
}
