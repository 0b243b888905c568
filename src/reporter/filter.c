#include "reporter/filter.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "event/json.h"
#include "reporter/filter_list.h"
#include "reporter/filter_rejects.h"
#include "reporter/filter_shape.h"

const char *const report_kind_names[REPORT_COUNT] = {
    [REPORT_EVENTS] = "events",
    [REPORT_REVENUE] = "revenue",
    [REPORT_DEMOGRAPHICS] = "demographics",
    [REPORT_FUNNEL] = "funnel",
    [REPORT_CAMPAIGNS] = "campaigns",
    [REPORT_USER] = "user",
    [REPORT_EVENT] = "event",
    [REPORT_REQUESTS] = "requests",
    [REPORT_REJECTS] = "rejects",
};

/* Below /reports/, where that is not the report's name. */
static const char *const paths[REPORT_COUNT] = {
    [REPORT_USER] = "users/{source}/{userId}",
    [REPORT_EVENT] = "events/{source}/{eventId}",
    [REPORT_REQUESTS] = "requests/{correlationId}",
};

#define EVENTS (1U << REPORT_EVENTS)
#define REVENUE (1U << REPORT_REVENUE)
#define DEMOGRAPHICS (1U << REPORT_DEMOGRAPHICS)
#define FUNNEL (1U << REPORT_FUNNEL)
#define CAMPAIGNS (1U << REPORT_CAMPAIGNS)
#define USER (1U << REPORT_USER)
#define EVENT (1U << REPORT_EVENT)
#define REQUESTS (1U << REPORT_REQUESTS)
#define REJECTS (1U << REPORT_REJECTS)
#define RANGES (EVENTS | REVENUE | DEMOGRAPHICS | FUNNEL | CAMPAIGNS | USER | REJECTS)
#define ALL (RANGES | EVENT | REQUESTS)

struct parameter {
    struct span name;
    unsigned reports; /* that take it */
    int (*take)(struct filter_parser *p, struct span value);
    const char *takes; /* for a person */
};

/* In a query `+` means a space, but in an offset people write it as it is: 12:00:00+02:00. */
static int take_time(struct span value, int64_t *ret)
{
    char text[64];
    size_t sign = value.len - 6; /* of a trailing +hh:mm */

    if (value.len < 6 || value.len > sizeof(text))
        return -EINVAL;
    memcpy(text, value.ptr, value.len);
    if (text[sign] == ' ')
        text[sign] = '+';
    return timestamp_parse(span_of(text, value.len), ret);
}

static int take_from(struct filter_parser *p, struct span value)
{
    p->filter->has_from = true;
    return take_time(value, &p->filter->from_usec);
}

static int take_to(struct filter_parser *p, struct span value)
{
    p->filter->has_to = true;
    return take_time(value, &p->filter->to_usec);
}

static int take_word(const char *const *names, int count, struct span value, int *ret)
{
    *ret = event_name_find(names, count, value);
    return *ret < 0 ? -EINVAL : 0;
}

static int take_source(struct filter_parser *p, struct span value)
{
    return take_word(event_source_names, SOURCE_COUNT, value, &p->filter->source);
}

static int take_stage(struct filter_parser *p, struct span value)
{
    return take_word(event_stage_names, STAGE_COUNT, value, &p->filter->stage);
}

static int take_type(struct filter_parser *p, struct span value)
{
    return take_word(event_type_names, TYPE_COUNT, value, &p->filter->type);
}

static int take_campaign(struct filter_parser *p, struct span value)
{
    if (value.len > EVENT_TEXT_MAX || memchr(value.ptr, '\0', value.len) || !json_utf8_valid(value))
        return -EINVAL;
    memcpy(p->campaign, value.ptr, value.len);
    p->filter->campaign_id = span_of(p->campaign, value.len);
    return 0;
}

static int take_currency(struct filter_parser *p, struct span value)
{
    if (value.len != 3)
        return -EINVAL;
    for (size_t i = 0; i < value.len; i++) {
        char upper = (char)(value.ptr[i] & ~0x20);

        if (upper < 'A' || upper > 'Z')
            return -EINVAL;
        p->filter->currency[i] = upper;
    }
    return 0;
}

static int take_format(struct filter_parser *p, struct span value)
{
    p->format = span_eq(value, SPAN("csv")) ? RENDITION_CSV : RENDITION_JSON;
    return p->format == RENDITION_CSV || span_eq(value, SPAN("json")) ? 0 : -EINVAL;
}

#define A_TIME "takes a date-time with zone (RFC 3339), such as 2026-01-31T12:00:00Z"

#define A_SOURCE "takes facebook or tiktok"

static const struct parameter parameters[] = {
    { SPAN("from"), RANGES, take_from, A_TIME },
    { SPAN("to"), RANGES, take_to, A_TIME },
    { SPAN("source"), EVENTS | REVENUE | DEMOGRAPHICS | FUNNEL | CAMPAIGNS, take_source, A_SOURCE },
    { SPAN("funnelStage"), EVENTS, take_stage, "takes top or bottom" },
    { SPAN("eventType"), EVENTS, take_type, "takes an event type, such as ad.view" },
    { SPAN("campaignId"), REVENUE, take_campaign,
      "takes a campaign's id of at most 200 bytes in UTF-8, or unknown" },
    { SPAN("currency"), REVENUE | CAMPAIGNS, take_currency, "takes an ISO 4217 code, such as USD" },
    { SPAN("interval"), EVENTS | REVENUE, filter_take_interval,
      "takes minute, hour, day, week or month" },
    { SPAN("timezone"), EVENTS | REVENUE, filter_take_timezone,
      "takes the name of a time zone, such as Europe/Berlin" },
    { SPAN("groupBy"), EVENTS | REVENUE, filter_take_group_by,
      "takes one or two of source, funnelStage, eventType, campaignId, country, device" },
    { SPAN("limit"), EVENTS | REVENUE, filter_take_group_limit,
      "takes a whole number from 1 to 10000" },
    { SPAN("compare"), EVENTS | REVENUE, filter_take_compare, "takes previous" },
    { SPAN("sort"), CAMPAIGNS, filter_take_sort,
      "takes revenue, orders, buyers, averageOrderValue, clicks or campaignId" },
    { SPAN("order"), CAMPAIGNS, filter_take_order, "takes asc or desc" },
    { SPAN("limit"), FUNNEL | CAMPAIGNS | USER, filter_take_limit,
      "takes a whole number from 1 to 1000" },
    { SPAN("offset"), CAMPAIGNS, filter_take_offset, "takes a whole number from 0 on" },
    { SPAN("before"), USER, filter_take_place,
      "takes the place that next of the page before tells" },
    { SPAN("source"), REJECTS, filter_take_reject_source, "takes facebook, tiktok or unknown" },
    { SPAN("reason"), REJECTS, filter_take_reason,
      "takes the reason of a rejection, such as wrong_type" },
    { SPAN("correlationId"), REJECTS, filter_take_correlation_id,
      "takes a correlation id of at most 128 printable characters" },
    { SPAN("limit"), REJECTS, filter_take_reject_limit, "takes a whole number from 1 to 1000" },
    { SPAN("before"), REJECTS, filter_take_sequence, "takes a sequence, as next tells it" },
    { SPAN("format"), ALL, take_format, "takes json or csv" },
};

static void write_names(struct strbuf *out, enum report_kind kind)
{
    const char *before = "";

    for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
        if (!(parameters[i].reports & (1U << kind)))
            continue;
        strbuf_adds(out, before);
        strbuf_addspan(out, parameters[i].name);
        before = ", ";
    }
}

/* The name comes from outside: at most so much of it, and made printable. */
static int fail_unknown(const struct filter_parser *p, struct span name)
{
    strbuf_setf(p->err, "unknown parameter ");
    json_quote(p->err, span_of(name.ptr, MIN(name.len, (size_t)64)));
    strbuf_addf(p->err, "; /reports/%s takes ",
                paths[p->kind] ? paths[p->kind] : report_kind_names[p->kind]);
    write_names(p->err, p->kind);
    return -EINVAL;
}

static int fail(const struct filter_parser *p, const struct parameter *parameter, const char *why)
{
    strbuf_setf(p->err, "%.*s: %s", SPAN_ARG(parameter->name), why);
    return -EINVAL;
}

void filter_parser_init(struct filter_parser *p, enum report_kind kind,
                        const char *default_currency, struct report_filter *filter,
                        struct strbuf *err)
{
    p->kind = kind;
    p->filter = filter;
    p->seen = 0;
    p->ordered = false;
    p->format = RENDITION_ANY;
    p->reject = (struct reject_filter){ .limit = REJECT_LIMIT_DEFAULT };
    p->err = err;
    *filter = (struct report_filter){
        .source = -1,
        .stage = -1,
        .type = -1,
        .default_currency = default_currency,
    };
}

int filter_parser_path(struct filter_parser *p, const struct span *segments)
{
    bool has_source = p->kind == REPORT_USER || p->kind == REPORT_EVENT;
    struct span id = segments[has_source];

    if (!has_source && p->kind != REPORT_REQUESTS)
        return 0;
    if (has_source && take_source(p, segments[0]) < 0) {
        strbuf_setf(p->err, "source: " A_SOURCE);
        return -EINVAL;
    }
    memcpy(p->id, id.ptr, id.len);
    p->filter->id = span_of(p->id, id.len);
    return 0;
}

int filter_parser_take(struct filter_parser *p, struct span name, struct span value)
{
    const struct parameter *parameter = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(parameters) && !parameter; i++)
        if (span_eq(name, parameters[i].name) && (parameters[i].reports & (1U << p->kind)))
            parameter = &parameters[i];
    if (!parameter)
        return fail_unknown(p, name);
    if (p->seen & (1U << (parameter - parameters)))
        return fail(p, parameter, "given twice");
    p->seen |= 1U << (parameter - parameters);
    if (value.len == 0)
        return fail(p, parameter, "is empty; leave it out to have no such condition");
    if (parameter->take(p, value) < 0)
        return fail(p, parameter, parameter->takes);
    return 0;
}

int filter_parser_finish(struct filter_parser *p)
{
    struct report_filter *f = p->filter;
    int r;

    if (f->has_from && f->has_to && f->from_usec > f->to_usec) {
        strbuf_setf(p->err, "from: is later than to");
        return -EINVAL;
    }
    filter_finish_list(p);
    r = filter_check_shape(p);
    if (r == 0 && f->group_count && !f->group_limit)
        f->group_limit = GROUP_LIMIT_DEFAULT;
    return r;
}
