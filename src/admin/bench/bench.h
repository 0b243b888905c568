/*
 * What the parts of the benchmark share. Each part measures one thing and sets figures; bench.c
 * runs them in order. Everything runs on this machine, in a temporary folder, and is stopped and
 * removed at the end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "admin/bench/events.h"
#include "admin/bench/figures.h"
#include "base/macros.h"
#include "base/strbuf.h"

#define BENCH_TEXT_MAX 256

struct reports_options;

struct bench {
    uint64_t seconds; /* of each steady measurement */
    uint64_t
        full_rows; /* rows to store before the second end-to-end measurement; 0 = leave it out */
    struct reports_options *reports; /* borrowed; NULL = not what is measured */
    char dir[BENCH_TEXT_MAX];        /* temporary, ours */
    char self[BENCH_TEXT_MAX];       /* path of this binary */
    uint32_t port_base;
    struct figures figures;
    struct bench_events *events;
    unsigned wrk_runs; /* each run of wrk counts its ids in a range of its own */

    /* progress */
    unsigned step, steps;
    const char *step_name;
    bool terminal;
};

/* Makes the folder of the run; removes it with all that is in it. */
int bench_open(struct bench *b, struct strbuf *err) MUST_CHECK;
void bench_close(struct bench *b);

/* A comma-separated list of parts, NULL = all of them. */
int bench_check_parts(const char *list, struct strbuf *err) MUST_CHECK;
int bench_run_parts(struct bench *b, const char *only, struct strbuf *err) MUST_CHECK;

/* Draws the progress bar: `done` of the present step, 0 to 1, and a few words. */
void bench_progress(struct bench *b, double done, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A line that stays: something a reader of the figures must know. */
void bench_note(struct bench *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- the parts; <0 with *err stops the benchmark, a missing program is a note and 0 ---- */

int bench_floor_http(struct bench *b,
                     struct strbuf *err) MUST_CHECK; /* nginx, bare libmicrohttpd */
int bench_floor_json(struct bench *b,
                     struct strbuf *err) MUST_CHECK; /* simdjson over the same bytes */
int bench_floor_jetstream(struct bench *b,
                          struct strbuf *err) MUST_CHECK; /* prepared 256 KiB messages */
int bench_floor_copy(struct bench *b, struct strbuf *err) MUST_CHECK; /* \copy into a plain table */
int bench_intake(struct bench *b, struct strbuf *err) MUST_CHECK; /* single, bulk; no collectors */
int bench_end_to_end(struct bench *b,
                     struct strbuf *err) MUST_CHECK; /* rate, CPU, memory, freshness */
