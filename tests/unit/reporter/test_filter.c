/* Which queries a report takes, what they mean, and what the others are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "reporter/filter.h"

#define NOON (INT64_C(1769860800) * USEC_PER_SEC) /* 2026-01-31T12:00:00Z */

struct parameter {
    const char *name, *value;
};

struct refusal {
    enum report_kind kind;
    struct parameter query[4];
    const char *says;
};

static const struct refusal refusals[] = {
    { REPORT_REJECTS,
      { { "campaignId", "c" } },
      "/reports/rejects takes from, to, source, reason, correlationId, limit, before" },
    { REPORT_REJECTS, { { "source", "myspace" } }, "source: takes facebook, tiktok or unknown" },
    { REPORT_REJECTS, { { "source", "dlq.>" } }, "source: takes" },
    { REPORT_REJECTS, { { "reason", "\x1b" } }, "reason: takes" },
    { REPORT_REJECTS, { { "correlationId", "\xc3\xbc" } }, "correlationId: takes" },
    { REPORT_REJECTS, { { "limit", "0" } }, "limit: takes a whole number from 1 to 1000" },
    { REPORT_REJECTS, { { "limit", "1001" } }, "limit: takes" },
    { REPORT_REJECTS, { { "limit", "-1" } }, "limit: takes" },
    { REPORT_REJECTS, { { "before", "0" } }, "before: takes a sequence" },
    { REPORT_REJECTS, { { "before", "18446744073709551616" } }, "before: takes" },
    { REPORT_EVENTS, { { "format", "xml" } }, "format: takes json or csv" },
    { REPORT_REJECTS, { { "format", "CSV" } }, "format: takes json or csv" },
    { REPORT_EVENTS, { { "reason", "x" } }, "unknown parameter \"reason\"" },
    { REPORT_EVENTS, { { "from", "yesterday" } }, "from: takes a date-time" },
    { REPORT_EVENTS, { { "from", "2026-01-31" } }, "from: takes a date-time" },
    { REPORT_EVENTS, { { "from", "2026-01-31T12:00:00" } }, "from: takes a date-time" },
    { REPORT_EVENTS, { { "from", "2026-02-30T12:00:00Z" } }, "from: takes a date-time" },
    { REPORT_EVENTS, { { "from", "2026-01-31T12:00:00  01:00" } }, "from: takes a date-time" },
    { REPORT_EVENTS, { { "to", "Z" } }, "to: takes a date-time" },
    { REPORT_EVENTS, { { "to", "1769860800" } }, "to: takes a date-time" },
    { REPORT_EVENTS, { { "to", "" } }, "to: is empty" },
    { REPORT_EVENTS, { { "source", "" } }, "source: is empty" },
    { REPORT_EVENTS, { { "source", "Facebook" } }, "source: takes facebook or tiktok" },
    { REPORT_EVENTS,
      { { "source", "facebook" }, { "source", "facebook" } },
      "source: given twice" },
    { REPORT_EVENTS, { { "funnelStage", "middle" } }, "funnelStage: takes top or bottom" },
    { REPORT_EVENTS, { { "eventType", "ad.viewed" } }, "eventType: takes an event type" },
    { REPORT_EVENTS, { { "eventtype", "ad.view" } }, "unknown parameter \"eventtype\"" },
    { REPORT_EVENTS, { { "x\n\"", "1" } }, "unknown parameter \"x\\n\\\"\"" },
    { REPORT_EVENTS,
      { { "campaignId", "c" } },
      "/reports/events takes from, to, source, funnelStage, "
      "eventType, interval, timezone, groupBy, limit, compare" },
    { REPORT_EVENTS,
      { { "from", "2026-01-31T12:00:01Z" }, { "to", "2026-01-31T12:00:00Z" } },
      "from: is later than to" },
    { REPORT_REVENUE,
      { { "eventType", "ad.view" } },
      "/reports/revenue takes from, to, source, "
      "campaignId, currency, interval, timezone, groupBy, limit, compare" },
    { REPORT_EVENTS, { { "interval", "year" } }, "interval: takes minute, hour, day" },
    { REPORT_EVENTS, { { "timezone", "UTC" } }, "timezone: goes with interval only" },
    { REPORT_EVENTS,
      { { "interval", "day" }, { "timezone", "Europe/Berlin'--" } },
      "timezone: takes the name" },
    { REPORT_EVENTS, { { "groupBy", "user" } }, "groupBy: takes one or two of source" },
    { REPORT_EVENTS, { { "groupBy", "source,source" } }, "groupBy: takes one or two" },
    { REPORT_EVENTS, { { "groupBy", "source," } }, "groupBy: takes one or two" },
    { REPORT_EVENTS, { { "groupBy", "source,eventType,device" } }, "groupBy: takes one or two" },
    { REPORT_EVENTS,
      { { "groupBy", "campaignId" }, { "interval", "day" } },
      "groupBy: goes with interval only as source" },
    { REPORT_REVENUE,
      { { "groupBy", "source,eventType" }, { "interval", "day" } },
      "groupBy: goes with interval only as source" },
    { REPORT_REVENUE, { { "limit", "5" } }, "limit: goes with groupBy only" },
    { REPORT_REVENUE,
      { { "groupBy", "source" }, { "limit", "5" }, { "interval", "day" } },
      "limit: goes with groupBy only" },
    { REPORT_REVENUE, { { "groupBy", "source" }, { "limit", "10001" } }, "limit: takes" },
    { REPORT_REVENUE, { { "compare", "next" } }, "compare: takes previous" },
    { REPORT_REVENUE,
      { { "compare", "previous" }, { "from", "2026-01-31T12:00:00Z" } },
      "compare: takes a range with both bounds" },
    { REPORT_REVENUE,
      { { "compare", "previous" },
        { "from", "0900-01-31T12:00:00Z" },
        { "to", "2026-01-31T12:00:00Z" } },
      "compare: the range before would begin" },
    { REPORT_REVENUE, { { "campaignId", "" } }, "campaignId: is empty" },
    { REPORT_REVENUE, { { "campaignId", "\xff" } }, "campaignId: takes a campaign's id" },
    { REPORT_REVENUE, { { "currency", "US" } }, "currency: takes an ISO 4217 code" },
    { REPORT_REVENUE, { { "currency", "US1" } }, "currency: takes an ISO 4217 code" },
    { REPORT_REVENUE, { { "currency", "EURO" } }, "currency: takes an ISO 4217 code" },
    { REPORT_DEMOGRAPHICS,
      { { "funnelStage", "top" } },
      "/reports/demographics takes from, to, source" },
    { REPORT_DEMOGRAPHICS, { { "interval", "day" } }, "unknown parameter \"interval\"" },
    { REPORT_FUNNEL, { { "limit", "1001" } }, "limit: takes a whole number from 1 to 1000" },
    { REPORT_FUNNEL, { { "sort", "clicks" } }, "/reports/funnel takes from, to, source, limit" },
    { REPORT_CAMPAIGNS, { { "sort", "name" } }, "sort: takes revenue, orders" },
    { REPORT_CAMPAIGNS, { { "sort", "" } }, "sort: is empty" },
    { REPORT_CAMPAIGNS, { { "order", "down" } }, "order: takes asc or desc" },
    { REPORT_CAMPAIGNS, { { "offset", "4294967296" } }, "offset: takes" },
    { REPORT_CAMPAIGNS, { { "before", "1" } }, "unknown parameter \"before\"" },
    { REPORT_USER, { { "source", "facebook" } }, "/reports/users/{source}/{userId} takes from" },
    { REPORT_USER, { { "before", "1769860800000000" } }, "before: takes the place" },
    { REPORT_USER, { { "before", "x-00112233445566778899aabbccddeeff" } }, "before: takes" },
    { REPORT_USER, { { "before", "1-00112233445566778899aabbccddeefF" } }, "before: takes" },
    { REPORT_USER, { { "before", "1-00112233445566778899aabbccddeeff0" } }, "before: takes" },
    { REPORT_EVENT, { { "to", "2026-01-31T12:00:00Z" } }, "{eventId} takes format" },
};

struct parsing {
    struct filter_parser parser;
    struct report_filter filter;
    struct strbuf err;
};

static int parse(struct parsing *p, enum report_kind kind, const struct parameter *query)
{
    int r = 0;

    strbuf_init(&p->err, 1024);
    filter_parser_init(&p->parser, kind, "USD", &p->filter, &p->err);
    for (; r == 0 && query->name; query++)
        r = filter_parser_take(&p->parser, span_str(query->name), span_str(query->value));
    return r == 0 ? filter_parser_finish(&p->parser) : r;
}

static void bad_queries_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        struct parsing p;

        assert_int_equal(parse(&p, refusals[i].kind, refusals[i].query), -EINVAL);
        if (!strstr(p.err.ptr, refusals[i].says))
            fail_msg("\"%s\" does not say \"%s\"", p.err.ptr, refusals[i].says);
        strbuf_release(&p.err);
    }
}

static void times_are_exact(void **state)
{
    static const struct {
        const char *text;
        int64_t usec;
    } cases[] = {
        { "2026-01-31T12:00:00Z", NOON },
        { "2026-01-31T12:00:00.000001Z", NOON + 1 },
        { "2026-01-31T14:00:00+02:00", NOON },
        { "2026-01-31T14:00:00 02:00", NOON }, /* a + that a query turned into a space */
        { "2026-01-31 14:00:00 02:00", NOON },
        { "2026-01-31T07:30:00-04:30", NOON },
        { "2026-01-31T17:45:00.5 05:45", NOON + 500000 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct parameter query[] = { { "from", cases[i].text },
                                           { "to", cases[i].text },
                                           { NULL, NULL } };
        struct parsing p;

        assert_int_equal(parse(&p, REPORT_DEMOGRAPHICS, query), 0);
        assert_true(p.filter.has_from && p.filter.has_to);
        assert_true(p.filter.from_usec == cases[i].usec);
        assert_true(p.filter.to_usec == cases[i].usec);
        strbuf_release(&p.err);
    }
}

static void words_become_values(void **state)
{
    static const struct parameter events[] = { { "source", "tiktok" },
                                               { "funnelStage", "bottom" },
                                               { "eventType", "purchase" },
                                               { NULL, NULL } };
    static const struct parameter revenue[] = { { "campaignId", "été & co" },
                                                { "currency", "eur" },
                                                { NULL, NULL } };
    static const struct parameter nothing[] = { { NULL, NULL } };
    struct parsing p;

    (void)state;
    assert_int_equal(parse(&p, REPORT_EVENTS, events), 0);
    assert_int_equal(p.filter.source, SOURCE_TIKTOK);
    assert_int_equal(p.filter.stage, STAGE_BOTTOM);
    assert_int_equal(p.filter.type, TYPE_PURCHASE);
    assert_int_equal(parse(&p, REPORT_REVENUE, revenue), 0);
    assert_true(span_eq(p.filter.campaign_id, SPAN("été & co")));
    assert_string_equal(p.filter.currency, "EUR");
    assert_int_equal(parse(&p, REPORT_REVENUE, nothing), 0);
    assert_false(p.filter.has_from || p.filter.has_to);
    assert_int_equal(p.filter.source, -1);
    assert_int_equal(p.filter.stage, -1);
    assert_int_equal(p.filter.type, -1);
    assert_null(p.filter.campaign_id.ptr);
    assert_string_equal(p.filter.currency, "");
    assert_string_equal(p.filter.default_currency, "USD");
}

static void rejects_have_conditions_of_their_own(void **state)
{
    static const struct parameter all[] = {
        { "source", "unknown" },
        { "reason", "wrong_type" },
        { "correlationId", "a b" },
        { "limit", "1000" },
        { "before", "18446744073709551615" },
        { "from", "2026-01-31T12:00:00Z" },
        { NULL, NULL },
    };
    static const struct parameter nothing[] = { { NULL, NULL } };
    struct parsing p;

    (void)state;
    assert_int_equal(parse(&p, REPORT_REJECTS, all), 0);
    assert_string_equal(p.parser.reject.source, "unknown");
    assert_string_equal(p.parser.reject.reason, "wrong_type");
    assert_string_equal(p.parser.reject.correlation_id, "a b");
    assert_int_equal(p.parser.reject.limit, 1000);
    assert_true(p.parser.reject.before == UINT64_MAX);
    assert_true(p.filter.has_from && p.filter.from_usec == NOON);
    strbuf_release(&p.err);
    assert_int_equal(parse(&p, REPORT_REJECTS, nothing), 0);
    assert_null(p.parser.reject.source);
    assert_string_equal(p.parser.reject.reason, "");
    assert_string_equal(p.parser.reject.correlation_id, "");
    assert_int_equal(p.parser.reject.limit, 100);
    assert_int_equal(p.parser.reject.before, 0);
    strbuf_release(&p.err);
}

static void long_and_odd_campaigns(void **state)
{
    char longest[EVENT_TEXT_MAX + 2];
    struct parsing p;

    (void)state;
    memset(longest, 'c', sizeof(longest));
    strbuf_init(&p.err, 256);
    filter_parser_init(&p.parser, REPORT_REVENUE, "USD", &p.filter, &p.err);
    assert_int_equal(filter_parser_take(&p.parser, SPAN("campaignId"), SPAN("a\0b")), -EINVAL);
    filter_parser_init(&p.parser, REPORT_REVENUE, "USD", &p.filter, &p.err);
    assert_int_equal(
        filter_parser_take(&p.parser, SPAN("campaignId"), span_of(longest, EVENT_TEXT_MAX + 1)),
        -EINVAL);
    filter_parser_init(&p.parser, REPORT_REVENUE, "USD", &p.filter, &p.err);
    assert_int_equal(
        filter_parser_take(&p.parser, SPAN("campaignId"), span_of(longest, EVENT_TEXT_MAX)), 0);
    assert_int_equal(p.filter.campaign_id.len, EVENT_TEXT_MAX);
    strbuf_release(&p.err);
}

static void lists_have_defaults(void **state)
{
    static const struct {
        enum report_kind kind;
        struct parameter query[3];
        struct report_filter wanted;
    } cases[] = {
        { REPORT_FUNNEL, { { NULL, NULL } }, { .limit = 100 } },
        { REPORT_USER, { { NULL, NULL } }, { .limit = 100 } },
        { REPORT_CAMPAIGNS, { { NULL, NULL } }, { .limit = 50, .sort = SORT_REVENUE } },
        { REPORT_CAMPAIGNS,
          { { "sort", "campaignId" }, { "offset", "0" } },
          { .limit = 50, .sort = SORT_CAMPAIGN, .ascending = true } },
        { REPORT_CAMPAIGNS,
          { { "order", "desc" }, { "sort", "campaignId" } },
          { .limit = 50, .sort = SORT_CAMPAIGN } },
        { REPORT_CAMPAIGNS,
          { { "order", "asc" }, { "limit", "1000" } },
          { .limit = 1000, .sort = SORT_REVENUE, .ascending = true } },
        { REPORT_CAMPAIGNS,
          { { "sort", "averageOrderValue" }, { "offset", "7" } },
          { .limit = 50, .offset = 7, .sort = SORT_AVERAGE } },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct report_filter *wanted = &cases[i].wanted;
        struct parsing p;

        assert_int_equal(parse(&p, cases[i].kind, cases[i].query), 0);
        assert_int_equal(p.filter.limit, wanted->limit);
        assert_int_equal(p.filter.offset, wanted->offset);
        assert_int_equal(p.filter.sort, wanted->sort);
        assert_int_equal(p.filter.ascending, wanted->ascending);
        strbuf_release(&p.err);
    }
}

static void places_are_exact(void **state)
{
    static const struct parameter query[] = {
        { "before", "1769860800000001-00112233445566778899aabbccddeeff" }, { NULL, NULL }
    };
    static const uint8_t key[EVENT_KEY_BYTES] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                                  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
    struct parsing p;

    (void)state;
    assert_int_equal(parse(&p, REPORT_USER, query), 0);
    assert_true(p.filter.before.given);
    assert_int_equal(p.filter.before.timestamp_usec, NOON + 1);
    assert_memory_equal(p.filter.before.key.bytes, key, sizeof(key));
    strbuf_release(&p.err);
}

static void paths_name_people_and_events(void **state)
{
    const struct span good[] = { SPAN("tiktok"), SPAN("a/b") };
    const struct span bad[] = { SPAN("Tiktok"), SPAN("a/b") };
    struct parsing p;

    (void)state;
    assert_int_equal(parse(&p, REPORT_EVENT, (const struct parameter[]){ { NULL, NULL } }), 0);
    assert_int_equal(filter_parser_path(&p.parser, good), 0);
    assert_int_equal(p.filter.source, SOURCE_TIKTOK);
    assert_true(span_eq(p.filter.id, SPAN("a/b")) && p.filter.id.ptr != good[1].ptr);
    assert_int_equal(filter_parser_path(&p.parser, bad), -EINVAL);
    assert_string_equal(p.err.ptr, "source: takes facebook or tiktok");
    strbuf_release(&p.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_queries_are_named),
        cmocka_unit_test(times_are_exact),
        cmocka_unit_test(words_become_values),
        cmocka_unit_test(rejects_have_conditions_of_their_own),
        cmocka_unit_test(long_and_odd_campaigns),
        cmocka_unit_test(lists_have_defaults),
        cmocka_unit_test(places_are_exact),
        cmocka_unit_test(paths_name_people_and_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
