/* The command line of sluice dlq. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "bus/letter.h"
#include "service/settings.h"

enum dlq_verb { DLQ_LS, DLQ_SHOW, DLQ_REQUEUE, DLQ_PURGE, DLQ_VERB_COUNT };

#define DLQ_LIST_DEFAULT 50
#define DLQ_LIST_MAX 10000

/* Strings are borrowed from argv. */
struct dlq_options {
    enum dlq_verb verb;
    const char *stream;
    uint64_t seq; /* of show */
    struct letter_filter filter;
    uint64_t limit; /* 0 = none */
    bool yes, json, raw;
    const char *data; /* NULL = not given */
    uint64_t event_max_bytes;
};

/* now_usec: what durations count from. Results as settings_load(). */
int dlq_options_load(struct dlq_options *o, struct settings *settings, int64_t now_usec, int argc,
                     char **argv, struct strbuf *err) MUST_CHECK;
