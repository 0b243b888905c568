/*
 * Keeps a look at the database: a thread asks it every second whether it answers and has the schema
 * that this program reads, so that readiness is a cached word.
 */
#pragma once

#include <stdbool.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "service/metrics.h"

struct monitor;

struct monitor_options {
    const char *database_url;         /* borrowed */
    struct metric_histogram *latency; /* of a successful look, in seconds */
    struct log *log;                  /* borrowed */
};

/* Starts the thread; until its first look the database counts as away. <0 with *err. */
int monitor_new(const struct monitor_options *options, struct monitor **ret,
                struct strbuf *err) MUST_CHECK;
struct monitor *monitor_free(struct monitor *m);
DEFINE_CLEANUP(struct monitor *, monitor_free)

/* Any thread. *why: for a person, when it is not ok. */
bool monitor_ok(struct monitor *m, struct strbuf *why);
