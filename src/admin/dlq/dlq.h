/* What the files of sluice dlq share. */
#pragma once

#include <stdint.h>

#include "admin/dlq/options.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "bus/bus.h"
#include "bus/letter.h"

struct dlq {
    const struct dlq_options *options;
    struct bus *bus;
};

/* Each returns 0, or <0 with *err for a person. */
int dlq_ls(struct dlq *q, struct strbuf *err) MUST_CHECK;
int dlq_show(struct dlq *q, struct strbuf *err) MUST_CHECK;
int dlq_requeue(struct dlq *q, struct strbuf *err) MUST_CHECK;
int dlq_purge(struct dlq *q, struct strbuf *err) MUST_CHECK;

enum dlq_taken {
    DLQ_PASSED, /* does not count */
    DLQ_TAKEN,
    DLQ_KEPT, /* taken; the delivery is the callee's now */
};
/* Called for each letter that the options ask for, oldest first. <0 stops the scan and is its
 * result. */
typedef int (*dlq_take_fn)(void *ctx, struct letter *letter, struct strbuf *err);

struct dlq_scan {
    bool headers_only;
    uint64_t end_seq; /* 0 = the last there is */
    uint64_t limit;   /* taken at most; 0 = all */
    const char *what; /* of the progress bar; NULL = none */
    dlq_take_fn take;
    void *ctx;
};

/* *ret_end_seq (may be NULL): where it ended, for a second scan of the same letters. */
int dlq_scan(struct dlq *q, const struct dlq_scan *scan, uint64_t *ret_end_seq,
             struct strbuf *err) MUST_CHECK;
