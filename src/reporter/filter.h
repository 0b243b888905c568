/*
 * The query of a report request, checked (docs/http-api.md): which parameters a report takes, each
 * at most once, none empty, values as they must be.
 */
#pragma once

#include <stdbool.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "event/event.h"
#include "reporter/rendition.h"
#include "service/http.h"
#include "store/report.h"

enum report_kind {
    REPORT_EVENTS,
    REPORT_REVENUE,
    REPORT_DEMOGRAPHICS,
    REPORT_FUNNEL,
    REPORT_CAMPAIGNS,
    REPORT_USER,     /* one of them, named in the path */
    REPORT_EVENT,    /* the same */
    REPORT_REQUESTS, /* those of an id that is named in the path */
    REPORT_REJECTS,  /* from the dead letters, not from the database */
    REPORT_COUNT
};
extern const char *const report_kind_names[REPORT_COUNT];

#define REJECT_REASON_MAX 64
#define REJECT_CORRELATION_MAX 128
#define REJECT_LIMIT_MAX 1000

/* What only /reports/rejects takes. Its times are those of the report_filter. */
struct reject_filter {
    const char *source;                              /* NULL = any; "unknown" is one */
    char reason[REJECT_REASON_MAX + 1];              /* "" = any */
    char correlation_id[REJECT_CORRELATION_MAX + 1]; /* "" = any */
    uint32_t limit;
    uint64_t before; /* only sequences below it; 0 = all */
};

struct filter_parser {
    enum report_kind kind;
    struct report_filter *filter;      /* filled parameter by parameter */
    char campaign[EVENT_TEXT_MAX + 1]; /* filter->campaign_id points here */
    char id[HTTP_SEGMENT_MAX + 1];     /* filter->id points here */
    bool ordered;                      /* it was said whether a list ascends */
    struct reject_filter reject;
    enum rendition_format format;
    unsigned seen; /* bits of the parameters that came */
    struct strbuf *err;
};

/* Prepares both; the filter starts without any condition. filter, err and default_currency are
 * borrowed; the filter points into the parser. */
void filter_parser_init(struct filter_parser *p, enum report_kind kind,
                        const char *default_currency, struct report_filter *filter,
                        struct strbuf *err);
/* Takes the segments of the path, for reports that name something there: a user or an event by its
 * source and its id, requests by their id. They are copied. -EINVAL with *err. */
int filter_parser_path(struct filter_parser *p, const struct span *segments) MUST_CHECK;
/* Takes one parameter, decoded. -EINVAL with *err naming it and what it takes. */
int filter_parser_take(struct filter_parser *p, struct span name, struct span value) MUST_CHECK;
/* Checks what only all of them together show: from <= to, and whether the shape fits the filters.
 */
int filter_parser_finish(struct filter_parser *p) MUST_CHECK;
