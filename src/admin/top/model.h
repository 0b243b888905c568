/*
 * What top shows: figures per second between two samples, totals, and each process. Pure.
 *
 * A figure that is not known is NAN: of a process that does not answer, or of one that was not
 * there in the sample before. A process that was replaced meanwhile counts from 0 again.
 */
#pragma once

#include "admin/top/sample.h"

/* Of one source, or of all together. Rates are events a second. */
struct model_flow {
    double in;         /* taken by JetStream */
    double stored;     /* new ones, committed */
    double duplicates; /* committed, and known before */
    double failed;     /* rejected, or not confirmed by JetStream */
    double dead;       /* that the collectors could not store */
    double lag_messages, lag_bytes, lag_seconds;
    double p50_seconds, p99_seconds; /* freshness: from receipt to commit, of those in between */
    double stream_share;             /* of its limit, 0 to 1 */
};

/* Since the processes that run now were started. */
struct model_totals {
    double in, stored, duplicates, expired, failed;
    double dead_letters; /* of gateway and collectors */
};

struct model_process {
    const struct sample_process *process; /* borrowed from the newer sample */
    bool fine;                            /* ready, or done */
    double cpu;                           /* processors in use */
    double memory_bytes;
    double rate;      /* of what it does; NAN = nothing that is counted */
    const char *does; /* "/s in" */
};

struct model {
    bool running;
    const char *why; /* when nothing is running; else "" */
    int64_t wall_usec;
    double seconds;                              /* between the samples */
    struct model_flow all, source[SOURCE_COUNT]; /* `failed` of all has those without a source */
    double dead_letters;                         /* a second */
    double retries;                              /* batches a second that were stored again */
    struct model_totals totals;
    struct model_process processes[SAMPLE_PROCESSES_MAX];
    size_t process_count, not_fine;
    bool partial; /* a role did not answer: its share of all and of the totals is missing */
    const struct complaints *complaints; /* borrowed from the newer sample */
};

/* before may be NULL, or nothing that was running: rates are not known then. Both samples MUST
 * outlive the model. */
void model_make(struct model *m, const struct sample *before, const struct sample *now);

/* The value that the share q of a histogram's observations does not pass, between two readings of
 * it: linear within a bucket, as Prometheus's histogram_quantile() has it. NAN without any. */
double model_quantile(const struct reading_delays *delays, double q);
