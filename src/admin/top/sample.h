/*
 * The whole pipeline at one moment: each process with its state and what it said of itself. Two of
 * them make a model (admin/top/model.h).
 *
 * Which processes: those of the stack that runs in a data directory, or those that --target names.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "admin/target.h"
#include "admin/top/complaints.h"
#include "admin/top/reading.h"
#include "base/macros.h"
#include "base/strbuf.h"

#define SAMPLE_PROCESSES_MAX TARGET_PROCESSES_MAX
#define SAMPLE_URL_MAX 256

struct sample_process {
    char name[32];  /* "gateway", "gateway-2" */
    char state[16]; /* as `sluice status` has it; "down": it does not answer */
    char reason[TARGET_REASON_MAX];
    char url[SAMPLE_URL_MAX]; /* its base, where it has metrics; else "" */
    int64_t pid;              /* 0 = not known, or none */
    uint32_t port;            /* 0 = none */
    uint64_t read_usec;       /* when its figures were read; monotonic */
    bool has_usage;           /* cpu_seconds and memory_bytes are known */
    double cpu_seconds, memory_bytes;
    struct reading reading;
};

struct sample {
    bool running;                /* there is something to look at */
    char why[TARGET_REASON_MAX]; /* when there is not */
    int64_t wall_usec;           /* when it was complete */
    struct sample_process processes[SAMPLE_PROCESSES_MAX];
    size_t count;
    struct complaints complaints;
};

struct sample_options {
    const char *data;    /* the stack's data directory */
    const char *targets; /* "gateway=http://host:3000,..."; NULL: the stack's */
};

/* "gateway=http://host:3000,fb-collector=http://host:3001". -EINVAL with *err. */
int sample_check_targets(const char *targets, struct strbuf *err) MUST_CHECK;

/* Looks at everything; a process that does not answer costs a second. What is wrong with the
 * pipeline stands in the sample, and is no failure. *ret is filled in any case. */
void sample_take(const struct sample_options *options, const struct sample *before,
                 struct sample *ret);
