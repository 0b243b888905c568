/*
 * A trial of a running stack: events are sent to its gateway, and when its reporter has them all,
 * its reports are compared figure by figure with what was sent.
 *
 * The events of a trial lie one microsecond apart in a window of past time that held none before,
 * so that the comparison is exact on a database full of other events and beside other publishers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "admin/bench/histogram.h"
#include "admin/trial/progress.h"
#include "admin/trial/tally.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "load/body.h"
#include "load/generator.h"
#include "load/sender.h"

#define TRIAL_PHASES_MAX 4
#define TRIAL_URL_MAX 512

struct trial_phase {
    const char *name;
    uint64_t events;
    uint32_t batch; /* events of a request */
    enum body_form form;
    double rate; /* events/s; 0 = as fast as the gateway answers */

    /* filled by trial_run() */
    bool ran;
    struct sender_counts counts;
    uint64_t took_usec;
    struct histogram latency; /* of requests */
};

struct trial {
    /* filled by the caller */
    const char *name; /* "bulk-test" */
    char gateway[TRIAL_URL_MAX], reporter[TRIAL_URL_MAX];
    uint32_t connections;
    bool json;
    struct trial_phase phases[TRIAL_PHASES_MAX];
    size_t phase_count;

    /* private */
    struct generator *generator;
    int64_t from_usec, to_usec; /* the window */
    struct tally tally;
    struct progress progress;
    uint64_t stored_usec;  /* from the first request until the reports had everything */
    struct strbuf verdict; /* why it failed; empty = it did not */
    unsigned compared;     /* figures of the reports */
};

/* Runs the phases, verifies and prints the result. The exit status: 0 all is as it must be, 1 it is
 * not or could not be tried. Large: keep it off the stack. */
int trial_run(struct trial *t);
