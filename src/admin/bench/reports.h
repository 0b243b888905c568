/*
 * sluice bench reports: how long reports take on a large database, and whether that depends on how
 * many events there are. For each number of rows a stack of its own is filled, then asked.
 *
 * The database is filled by SQL, which leaves what reports read as collectors would: what the
 * rollups hold is what their recounts say. The questions are random and the same in every run.
 */
#pragma once

#include "admin/bench/bench.h"
#include "admin/bench/stack_ctl.h"
#include "load/random.h"

#define REPORTS_SIZES_MAX 2
#define REPORTS_DAYS 30
#define REPORTS_ROWS_LEAST REPORTS_DAYS
#define REPORTS_ROWS_MOST UINT64_C(1000000000)
#define REPORTS_USERS_LEAST 2
#define REPORTS_USERS_MOST UINT64_C(100000000)
#define REPORTS_CAMPAIGNS_MOST 10000

struct reports_options {
    uint64_t rows[REPORTS_SIZES_MAX]; /* the smaller first */
    size_t sizes;
    uint64_t users, campaigns;
    const char *keep; /* folder of the filled stacks; NULL = they are removed. Borrowed */
};

#define REPORTS_OPTIONS_INIT                                                                       \
    {                                                                                              \
        .rows = { 1000000, 10000000 }, .sizes = 2, .users = 1000000, .campaigns = 1000             \
    }

/* What is stored. */
struct dataset {
    int64_t from_usec; /* REPORTS_DAYS whole UTC days from there */
    uint64_t rows;     /* events ev-1 to ev-<rows> */
    uint64_t users;    /* of each source: user-0 to user-<users - 1> */
    uint64_t campaigns;
};

/* One row of the table. A kind with variants is as slow as the slowest of them. */
struct question_kind {
    const char *key;
    const char *title;
    double goal_msec; /* of p99; 0 = none */
    unsigned variants;
    /* Append what a random question asks for, and of which range (NULL = it has none, or begin()
     * has said so). */
    void (*begin)(const struct dataset *d, struct random *random, unsigned variant,
                  struct strbuf *out);
    void (*range)(const struct dataset *d, struct random *random, struct strbuf *out);
    /* NULL when there is but one. */
    void (*name)(unsigned variant, struct strbuf *out);
};

extern const struct question_kind question_kinds[];
extern const size_t question_kind_count;
/* The mix that is asked for by many clients at once. */
extern const struct question_kind question_mix;

/* Appends path and query of a random question; -ENOMEM or -ENOBUFS. */
int question_ask(const struct question_kind *kind, const struct dataset *d, struct random *random,
                 unsigned variant, struct strbuf *out) MUST_CHECK;

/* Measures all that options say and sets figures: "<rows>.<key>.p50" and so on. */
int bench_reports(struct bench *b, struct strbuf *err) MUST_CHECK;

/* ---- its steps ---- */

int reports_fill(struct bench *b, const struct stack *stack, const struct dataset *d,
                 struct strbuf *err) MUST_CHECK;
/* Every kind by one client, then the mix by many. */
int reports_measure(struct bench *b, const struct stack *stack, const struct dataset *d,
                    struct strbuf *err) MUST_CHECK;
/* The page, and what it shows first. */
int reports_page(struct bench *b, const struct stack *stack, const struct dataset *d,
                 struct strbuf *err) MUST_CHECK;

/* The table. baseline may be NULL. Whether every goal is reached. */
bool reports_print(const struct reports_options *options, const struct figures *f,
                   const struct figures *baseline, FILE *out);
