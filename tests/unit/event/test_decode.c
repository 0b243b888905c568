/* Events in, faults out: envelope, user, and what holds for the whole event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "unit/event/fixture.h"

static void test_facebook(void **state UNUSED)
{
    _cleanup_decoded_ struct decoded d = decode(VALIDATION_STRICT, SPAN(" " FB_BOTTOM "\t"));
    const struct event *ev = &d.event;

    assert_int_equal(d.result, 0);
    assert_true(span_eq(ev->raw, SPAN(FB_BOTTOM)));
    assert_true(span_eq(ev->event_id, SPAN("fb-1")));
    assert_true(ev->timestamp_usec == NOW - INT64_C(3599500000));
    assert_int_equal(ev->source, SOURCE_FACEBOOK);
    assert_int_equal(ev->stage, STAGE_BOTTOM);
    assert_int_equal(ev->type, TYPE_AD_CLICK);
    assert_true(span_eq(ev->user.user_id, SPAN("u")));
    assert_true(span_eq(ev->user.name, SPAN("Ann")));
    assert_true(span_eq(ev->user.country, SPAN("DE")));
    assert_true(span_eq(ev->user.city, SPAN("Berlin")));
    assert_true(ev->user.age == 33);
    assert_int_equal(ev->user.gender, GENDER_FEMALE);
    assert_true(ev->user.followers == -1);
    assert_true(span_eq(ev->engagement.ad_id, SPAN("ad")));
    assert_true(span_eq(ev->engagement.campaign_id, SPAN("c")));
    assert_true(span_eq(ev->engagement.device, SPAN("mobile")));
    assert_null(ev->engagement.video_id.ptr);
    assert_true(ev->engagement.has_amount);
    assert_true(ev->engagement.amount_cents == 1250);
    assert_string_equal(ev->engagement.currency, "USD");
}

static void test_tiktok(void **state UNUSED)
{
    _cleanup_decoded_ struct decoded d = decode(VALIDATION_STRICT, SPAN(TT_TOP));
    const struct event *ev = &d.event;

    assert_int_equal(d.result, 0);
    assert_true(ev->timestamp_usec == NOW - INT64_C(3600000000));
    assert_int_equal(ev->source, SOURCE_TIKTOK);
    assert_int_equal(ev->stage, STAGE_TOP);
    assert_int_equal(ev->type, TYPE_LIKE);
    assert_true(span_eq(ev->user.name, SPAN("ann")));
    assert_true(ev->user.followers == 1000);
    assert_true(isnan(ev->user.age));
    assert_int_equal(ev->user.gender, GENDER_COUNT);
    assert_true(span_eq(ev->engagement.country, SPAN("FR")));
    assert_true(span_eq(ev->engagement.video_id, SPAN("v")));
    assert_false(ev->engagement.has_amount);
}

/* One change to a good event, and what becomes of it. */
struct change {
    const char *from, *to;
    struct verdict verdict;
};

static void check_changes(const char *text, const struct change *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *changed = replaced(text, cases[i].from, cases[i].to);

        check_verdict(VALIDATION_LENIENT, changed, &cases[i].verdict);
    }
}

#define GOOD                                                                                       \
    {                                                                                              \
        NULL, NULL, NULL                                                                           \
    }
#define DATE_TIME "a date-time with zone in a string, such as 2026-01-31T12:00:00Z"
#define TIME_RANGE "expected a time from 2000-01-01 to 24 hours from now"

static void test_envelope(void **state UNUSED)
{
    static const struct change cases[] = {
        { "\"eventId\":\"fb-1\",",
          "",
          { "missing_field", "/eventId", "missing, expected a string" } },
        { "\"fb-1\"", "7", { "wrong_type", "/eventId", "expected a string" } },
        { "\"fb-1\"", "null", { "wrong_type", "/eventId", NULL } },
        { "\"fb-1\"", "\"\"", { "out_of_range", "/eventId", "expected 1 to 200 bytes" } },
        { "\"eventId\"", "\"eventid\"", { "missing_field", "/eventId", NULL } },
        { "\"eventId\"", "\"\\u0065ventId\"", GOOD },
        { "{\"eventId\"",
          "{\"eventId\":\"x\",\"eventId\"",
          { "duplicate_key", "/eventId", "expected the key only once" } },
        { "{\"eventId\"",
          "{\"event\\u0049d\":\"x\",\"eventId\"",
          { "duplicate_key", "/eventId", NULL } },
        { "{\"eventId\"", "{\"extra\":1,\"extra\":{\"a\":[]},\"eventId\"", GOOD },
        { "2026-01-31T11:00:00.5Z",
          "invalid-timestamp",
          { "bad_format", "/timestamp", "expected " DATE_TIME } },
        { "2026-01-31T11:00:00.5Z", "2026-01-31T11:00:00", { "bad_format", "/timestamp", NULL } },
        { "2026-01-31T11:00:00.5Z", "2026-02-29T11:00:00Z", { "bad_format", "/timestamp", NULL } },
        { "\"2026-01-31T11:00:00.5Z\"",
          "1769860800",
          { "wrong_type", "/timestamp", "expected " DATE_TIME } },
        { "2026-01-31T11:00:00.5Z",
          "1999-12-31T23:59:59.999999Z",
          { "out_of_range", "/timestamp", TIME_RANGE } },
        { "2026-01-31T11:00:00.5Z", "2000-01-01T00:00:00Z", GOOD },
        { "2026-01-31T11:00:00.5Z", "2026-02-01T12:00:00Z", GOOD },
        { "2026-01-31T11:00:00.5Z",
          "2026-02-01T12:00:00.000001Z",
          { "out_of_range", "/timestamp", TIME_RANGE } },
        { "\"facebook\"",
          "\"myspace\"",
          { "unknown_value", "/source", "expected one of facebook, tiktok" } },
        { "\"facebook\"", "\"Facebook\"", { "unknown_value", "/source", NULL } },
        { "\"facebook\"", "[]", { "wrong_type", "/source", "expected a string" } },
        { "\"bottom\"",
          "\"middle\"",
          { "unknown_value", "/funnelStage", "expected one of top, bottom" } },
        { "\"ad.click\"", "[\"ad.click\"]", { "wrong_type", "/eventType", "expected a string" } },
        { "\"ad.click\"",
          "\"purchase\"",
          { "unknown_value", "/eventType",
            "expected one of ad.view, page.like, comment, video.view, ad.click, form.submission, "
            "checkout.complete" } },
        { "\"ad.click\"", "\"nothing\"", { "unknown_value", "/eventType", NULL } },
        { "\"data\":{", "\"data\":[],\"x\":{", { "wrong_type", "/data", "expected an object" } },
        { "\"data\"", "\"Data\"", { "missing_field", "/data", "missing, expected an object" } },
        { "\"user\"",
          "\"User\"",
          { "missing_field", "/data/user", "missing, expected an object" } },
        { "\"user\":{", "\"user\":1,\"x\":{", { "wrong_type", "/data/user", NULL } },
        { "\"user\":{", "\"user\":{},\"user\":{", { "duplicate_key", "/data/user", NULL } },
    };

    check_changes(FB_BOTTOM, cases, ARRAY_SIZE(cases));
}

static void test_facebook_user(void **state UNUSED)
{
    static const struct change cases[] = {
        { "\"userId\":\"u\"", "\"userId\":\"\"", GOOD },
        { "\"userId\":\"u\"", "\"userId\":1", { "wrong_type", "/data/user/userId", NULL } },
        { "\"userId\":\"u\",", "", { "missing_field", "/data/user/userId", NULL } },
        { "\"name\":\"Ann\"", "\"name\":null", { "wrong_type", "/data/user/name", NULL } },
        { "33", "\"33\"", { "wrong_type", "/data/user/age", "expected a number" } },
        { "33", "-1", { "out_of_range", "/data/user/age", "expected a number from 0 to 150" } },
        { "33", "150.5", { "out_of_range", "/data/user/age", NULL } },
        { "33", "150", GOOD },
        { "33", "0.5", GOOD },
        { "33", "18446744073709551615", { "out_of_range", "/data/user/age", NULL } },
        { "\"female\"",
          "\"other\"",
          { "unknown_value", "/data/user/gender", "expected one of male, female, non-binary" } },
        { "\"female\"", "\"non-binary\"", GOOD },
        { "\"location\":{",
          "\"location\":\"x\",\"y\":{",
          { "wrong_type", "/data/user/location", "expected an object" } },
        { "\"city\"", "\"town\"", { "missing_field", "/data/user/location/city", NULL } },
        { "\"DE\"", "49", { "wrong_type", "/data/user/location/country", NULL } },
        { "\"city\"",
          "\"country\":\"FR\",\"city\"",
          { "duplicate_key", "/data/user/location/country", NULL } },
    };

    check_changes(FB_BOTTOM, cases, ARRAY_SIZE(cases));
}

static void test_tiktok_user(void **state UNUSED)
{
    static const struct change cases[] = {
        { "1000",
          "\"not-a-number\"",
          { "wrong_type", "/data/user/followers", "expected a number" } },
        { "1000", "1000.0", GOOD },
        { "1000", "1e3", GOOD },
        { "1000", "-0.0", GOOD },
        { "1000", "9007199254740991", GOOD },
        { "1000",
          "9007199254740992",
          { "out_of_range", "/data/user/followers",
            "expected an integer from 0 to 9007199254740991" } },
        { "1000", "0.5", { "out_of_range", "/data/user/followers", NULL } },
        { "1000", "-1", { "out_of_range", "/data/user/followers", NULL } },
        { "1000", "18446744073709551616", { "invalid_json", "", NULL } },
        { "\"username\"", "\"name\"", { "missing_field", "/data/user/username", NULL } },
    };

    check_changes(TT_TOP, cases, ARRAY_SIZE(cases));
}

static void test_whole_event(void **state UNUSED)
{
    static const struct change cases[] = {
        { "{\"eventId\"",
          "{\"x\":\"a\\u0000b\",\"eventId\"",
          { "invalid_json", "", "expected no \\u0000" } },
        { "{\"eventId\"", "{\"x\\u0000\":1,\"eventId\"", { "invalid_json", "", NULL } },
        { "fb-1", "fb\\u0000", { "invalid_json", "", NULL } },
        { "{\"eventId\"", "{\"x\":\"\\\\u0000\",\"eventId\"", GOOD },
        { "{\"eventId\"", "{\"x\":\"\\\\\\u0000\",\"eventId\"", { "invalid_json", "", NULL } },
        { "{\"eventId\"", "{\"x\":\"\\ud800\",\"eventId\"", { "invalid_json", "", NULL } },
        { "{\"eventId\"", "{\"x\":1e999,\"eventId\"", { "invalid_json", "", NULL } },
        { "{\"eventId\"", "{\"x\":tru,\"eventId\"", { "invalid_json", "", NULL } },
        { "{\"eventId\"", "{\"x\":1 \"eventId\"", { "invalid_json", "", NULL } },
        { "{\"eventId\"", "[{\"eventId\"", { "invalid_json", "", NULL } },
    };
    static const struct {
        const char *text;
        struct verdict verdict;
    } others[] = {
        { "", { "invalid_json", "", "expected valid JSON: there is no value" } },
        { "7", { "wrong_type", "", "expected an object" } },
        { "[]", { "wrong_type", "", NULL } },
        { "{}", { "missing_field", "/eventId", NULL } },
    };

    check_changes(FB_BOTTOM, cases, ARRAY_SIZE(cases));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        check_verdict(VALIDATION_LENIENT, others[i].text, &others[i].verdict);
}

static void test_text_limits(void **state UNUSED)
{
    static const struct {
        const char *from, *before, *pointer;
        int limit;
    } cases[] = {
        { "\"fb-1\"", "", "/eventId", EVENT_ID_MAX },
        { "\"userId\":\"u\"", "\"userId\":", "/data/user/userId", EVENT_TEXT_MAX },
        { "\"Ann\"", "", "/data/user/name", EVENT_NAME_MAX },
        { "\"DE\"", "", "/data/user/location/country", EVENT_TEXT_MAX },
        { "\"Berlin\"", "", "/data/user/location/city", EVENT_TEXT_MAX },
        { "\"ad\"", "", "/data/engagement/adId", EVENT_TEXT_MAX },
        { "\"c\"", "", "/data/engagement/campaignId", EVENT_TEXT_MAX },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int over = 0; over <= 1; over++) {
            char value[EVENT_NAME_MAX + 64];
            int n = snprintf(value, sizeof(value), "%s\"%*s\"", cases[i].before,
                             cases[i].limit + over, "");
            _cleanup_free_ char *text = replaced(FB_BOTTOM, cases[i].from, value);
            struct verdict bad = { "out_of_range", cases[i].pointer, NULL }, good = GOOD;

            assert_true(n > 0 && (size_t)n < sizeof(value));
            check_verdict(VALIDATION_LENIENT, text, over ? &bad : &good);
        }
    }
}

static void test_depth_and_size(void **state UNUSED)
{
    for (int depth = EVENT_DEPTH_MAX - 1; depth <= EVENT_DEPTH_MAX; depth++) {
        char nested[256], *at = nested;
        struct verdict deep = { "invalid_json", "", "expected valid JSON: nested too deep" };
        struct verdict good = GOOD;
        _cleanup_free_ char *text = NULL;

        at += snprintf(nested, sizeof(nested), "{\"x\":");
        for (int i = 0; i < depth; i++)
            *at++ = '[';
        *at++ = '1';
        for (int i = 0; i < depth; i++)
            *at++ = ']';
        (void)snprintf(at, (size_t)(nested + sizeof(nested) - at), ",\"eventId\"");
        text = replaced(FB_BOTTOM, "{\"eventId\"", nested);
        check_verdict(VALIDATION_LENIENT, text, depth < EVENT_DEPTH_MAX ? &good : &deep);
    }
    for (int over = 0; over <= 1; over++) {
        char extra[MAX_BYTES + 64];
        struct verdict large = { "too_large", "", "expected at most 4096 bytes" }, good = GOOD;
        int fill = MAX_BYTES - (int)strlen(FB_BOTTOM) - (int)strlen("\"x\":\"\",") + over;
        _cleanup_free_ char *text = NULL;

        (void)snprintf(extra, sizeof(extra), "{\"x\":\"%*s\",\"eventId\"", fill, "");
        text = replaced(FB_BOTTOM, "{\"eventId\"", extra);
        check_verdict(VALIDATION_LENIENT, text, over ? &large : &good);
    }
}

/* Who sent what is known as far as it can be read, whatever else is wrong and in whatever order. */
static void test_fault_knows_the_event(void **state UNUSED)
{
    static const struct {
        const char *text, *id;
        int source, stage;
    } cases[] = {
        { "{\"timestamp\":1,\"eventId\":\"e\",\"funnelStage\":\"top\",\"source\":\"tiktok\"}", "e",
          SOURCE_TIKTOK, STAGE_TOP },
        { "{\"eventId\":\"e\"}", "e", -1, -1 },
        { "{\"source\":\"facebook\",\"eventId\":5}", NULL, SOURCE_FACEBOOK, -1 },
        { "{\"source\":\"x\",\"funnelStage\":\"bottom\"}", NULL, -1, STAGE_BOTTOM },
        { "{\"eventId\":\"e\"", NULL, -1, -1 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_decoded_ struct decoded d = decode(VALIDATION_LENIENT, span_str(cases[i].text));

        assert_int_equal(d.result, -EBADMSG);
        assert_true(span_eq(d.fault.event_id, span_str(cases[i].id)));
        assert_int_equal(d.fault.source, cases[i].source);
        assert_int_equal(d.fault.stage, cases[i].stage);
    }
}

static void test_decoder_is_reused(void **state UNUSED)
{
    _cleanup_decoded_ struct decoded d = decode(VALIDATION_LENIENT, SPAN(FB_BOTTOM));
    _cleanup_free_ char *other = padded_copy(SPAN(TT_TOP)), *bad = padded_copy(SPAN("{\"x\""));

    assert_int_equal(event_decode(d.decoder, span_of(bad, 4), NOW, &d.event, &d.fault), -EBADMSG);
    assert_int_equal(
        event_decode(d.decoder, span_of(other, strlen(TT_TOP)), NOW, &d.event, &d.fault), 0);
    assert_true(span_eq(d.event.event_id, SPAN("tt-1")));
    assert_false(d.event.engagement.has_amount);
    assert_null(d.event.user.city.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facebook),
        cmocka_unit_test(test_tiktok),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_facebook_user),
        cmocka_unit_test(test_tiktok_user),
        cmocka_unit_test(test_whole_event),
        cmocka_unit_test(test_text_limits),
        cmocka_unit_test(test_depth_and_size),
        cmocka_unit_test(test_fault_knows_the_event),
        cmocka_unit_test(test_decoder_is_reused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
