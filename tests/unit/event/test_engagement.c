/* The engagement, leniently and strictly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "unit/event/fixture.h"

/* One change to a good event, and what becomes of it by either level. */
struct change {
    const char *from, *to;
    struct verdict lenient, strict;
};

static void check_changes(const char *text, const struct change *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *changed = replaced(text, cases[i].from, cases[i].to);

        check_verdict(VALIDATION_LENIENT, changed, &cases[i].lenient);
        check_verdict(VALIDATION_STRICT, changed, &cases[i].strict);
    }
}

#define E "/data/engagement/"
#define GOOD                                                                                       \
    {                                                                                              \
        NULL, NULL, NULL                                                                           \
    }
#define TYPE(field)                                                                                \
    {                                                                                              \
        "wrong_type", E field, NULL                                                                \
    }
#define MISSING(field)                                                                             \
    {                                                                                              \
        "missing_field", E field, NULL                                                             \
    }
#define UNKNOWN(field)                                                                             \
    {                                                                                              \
        "unknown_value", E field, NULL                                                             \
    }
#define FORMAT(field)                                                                              \
    {                                                                                              \
        "bad_format", E field, NULL                                                                \
    }
#define RANGE(field)                                                                               \
    {                                                                                              \
        "out_of_range", E field, NULL                                                              \
    }
#define DUPLICATE(field)                                                                           \
    {                                                                                              \
        "duplicate_key", E field, NULL                                                             \
    }

static void test_good_ones(void **state UNUSED)
{
    static const char *const texts[] = { FB_TOP, FB_BOTTOM, TT_TOP, TT_BOTTOM };
    const struct verdict good = GOOD;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        check_verdict(VALIDATION_LENIENT, texts[i], &good);
        check_verdict(VALIDATION_STRICT, texts[i], &good);
    }
}

static void test_facebook_top(void **state UNUSED)
{
    static const struct change cases[] = {
        { "\"referrer\":\"groups\",", "", GOOD, MISSING("referrer") },
        { "\"groups\"", "\"email\"", GOOD, UNKNOWN("referrer") },
        { "\"groups\"", "1", GOOD, TYPE("referrer") },
        { "\"actionTime\":\"2026", "\"actionTime\":\"x2026", GOOD, FORMAT("actionTime") },
        { ",\"videoId\":null", "", GOOD, MISSING("videoId") },
        { "\"videoId\":null", "\"videoId\":\"v\"", GOOD, GOOD },
        { "\"videoId\":null", "\"videoId\":1", TYPE("videoId"), TYPE("videoId") },
        { "\"ad.view\"",
          "\"ad.click\"",
          GOOD,
          { "unknown_value", "/eventType",
            "expected one of ad.view, page.like, comment, video.view" } },
        { "\"videoId\":null", "\"videoId\":null,\"purchaseAmount\":\"1\"", GOOD, GOOD },
        { "\"videoId\":null", "\"videoId\":null,\"purchaseAmount\":1", TYPE("purchaseAmount"),
          TYPE("purchaseAmount") },
        { "\"videoId\":null", "\"videoId\":null,\"country\":1", GOOD, GOOD },
        { "\"videoId\":null", "\"videoId\":null,\"referrer\":\"groups\"", GOOD,
          DUPLICATE("referrer") },
        { "\"videoId\":null", "\"videoId\":null,\"videoId\":null", DUPLICATE("videoId"),
          DUPLICATE("videoId") },
    };

    check_changes(FB_TOP, cases, ARRAY_SIZE(cases));
}

static void test_facebook_bottom(void **state UNUSED)
{
    static const struct change cases[] = {
        { "\"adId\":\"ad\",", "", GOOD, MISSING("adId") },
        { "\"ad\"", "null", GOOD, TYPE("adId") },
        { "\"ad\"", "{}", TYPE("adId"), TYPE("adId") },
        { "\"campaignId\":\"c\",", "", GOOD, MISSING("campaignId") },
        { "\"campaignId\":\"c\"", "\"campaignId\":\"\"", GOOD, GOOD },
        { "\"center\"", "\"left\"", GOOD, UNKNOWN("clickPosition") },
        { "\"mobile\"", "\"watch\"", GOOD, UNKNOWN("device") },
        { "\"mobile\"", "7", TYPE("device"), TYPE("device") },
        { "\"Chrome\"", "\"Lynx\"", GOOD, UNKNOWN("browser") },
        { ",\"purchaseAmount\":\"12.50\"", "", GOOD, MISSING("purchaseAmount") },
        { "\"12.50\"", "null", GOOD, GOOD },
        { "\"12.50\"", "12.5", TYPE("purchaseAmount"), TYPE("purchaseAmount") },
        { "\"12.50\"", "\"12.505\"", FORMAT("purchaseAmount"), FORMAT("purchaseAmount") },
        { "\"12.50\"", "\"-1\"", FORMAT("purchaseAmount"), FORMAT("purchaseAmount") },
        { "\"12.50\"", "\"12.50\",\"currency\":\"EUR\"", GOOD, GOOD },
        { "\"12.50\"", "\"12.50\",\"currency\":null", GOOD, GOOD },
        { "\"12.50\"", "\"12.50\",\"currency\":\"EU\"", FORMAT("currency"), FORMAT("currency") },
        { "\"12.50\"", "\"12.50\",\"currency\":\"E1R\"", FORMAT("currency"), FORMAT("currency") },
        { "\"12.50\"", "\"12.50\",\"currency\":978", TYPE("currency"), TYPE("currency") },
        { "\"12.50\"", "\"12.50\",\"purchaseAmount\":\"1\"", DUPLICATE("purchaseAmount"),
          DUPLICATE("purchaseAmount") },
        { "\"12.50\"", "\"12.50\",\"more\":[1],\"more\":2", GOOD, GOOD },
    };

    check_changes(FB_BOTTOM, cases, ARRAY_SIZE(cases));
}

static void test_tiktok_top(void **state UNUSED)
{
    static const struct change cases[] = {
        { "\"watchTime\":1.5,", "", GOOD, MISSING("watchTime") },
        { "1.5", "-1", GOOD, { "out_of_range", E "watchTime", "expected a number of at least 0" } },
        { "1.5", "1e300", GOOD, GOOD },
        { "100,",
          "100.1,",
          GOOD,
          { "out_of_range", E "percentageWatched", "expected a number from 0 to 100" } },
        { "100,", "\"100\",", GOOD, TYPE("percentageWatched") },
        { "\"iOS\"", "\"ios\"", GOOD, UNKNOWN("device") },
        { "\"FR\"", "33", TYPE("country"), TYPE("country") },
        { "\"country\":\"FR\",", "", GOOD, MISSING("country") },
        { "\"v\"", "null", GOOD, TYPE("videoId") },
        { "\"like\"", "\"purchase\"", GOOD, { "unknown_value", "/eventType", NULL } },
        { "\"like\"",
          "\"ad.view\"",
          { "unknown_value", "/eventType", NULL },
          { "unknown_value", "/eventType", NULL } },
    };

    check_changes(TT_TOP, cases, ARRAY_SIZE(cases));
}

static void test_tiktok_bottom(void **state UNUSED)
{
    static const struct change cases[] = {
        { "\"profileId\":null,", "", GOOD, MISSING("profileId") },
        { "\"profileId\":null", "\"profileId\":1", GOOD, TYPE("profileId") },
        { "\"thing\"", "null", GOOD, GOOD },
        { "\"thing\"", "[]", GOOD, TYPE("purchasedItem") },
        { "\"purchaseAmount\":null", "\"purchaseAmount\":\"0.99\"", GOOD, GOOD },
        { "\"purchaseAmount\":null", "\"purchaseAmount\":0.99", TYPE("purchaseAmount"),
          TYPE("purchaseAmount") },
    };

    check_changes(TT_BOTTOM, cases, ARRAY_SIZE(cases));
}

static void test_engagement_itself(void **state UNUSED)
{
    static const struct change cases[] = {
        { "\"engagement\":{",
          "\"other\":{",
          GOOD,
          { "missing_field", "/data/engagement", "missing, expected an object" } },
        { "\"engagement\":{",
          "\"engagement\":null,\"other\":{",
          GOOD,
          { "wrong_type", "/data/engagement", "expected an object" } },
        { "\"engagement\":{",
          "\"engagement\":[],\"other\":{",
          { "wrong_type", "/data/engagement", "expected an object or null" },
          { "wrong_type", "/data/engagement", NULL } },
        { "\"engagement\":{", "\"engagement\":{},\"other\":{", GOOD, MISSING("actionTime") },
        { "\"engagement\":{",
          "\"engagement\":null,\"engagement\":{",
          { "duplicate_key", "/data/engagement", NULL },
          { "wrong_type", "/data/engagement", NULL } },
    };

    check_changes(FB_TOP, cases, ARRAY_SIZE(cases));
}

static void test_currency(void **state UNUSED)
{
    static const struct {
        const char *value, *currency;
    } cases[] = { { "null", "USD" }, { "\"EUR\"", "EUR" }, { "\"gbp\"", "GBP" } };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *with = replaced(FB_BOTTOM, "\"12.50\"", "\"12.50\",\"currency\":@");
        _cleanup_free_ char *text = replaced(with, "@", cases[i].value);
        _cleanup_decoded_ struct decoded d = decode(VALIDATION_LENIENT, span_str(text));

        assert_int_equal(d.result, 0);
        assert_string_equal(d.event.engagement.currency, cases[i].currency);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_ones),       cmocka_unit_test(test_facebook_top),
        cmocka_unit_test(test_facebook_bottom), cmocka_unit_test(test_tiktok_top),
        cmocka_unit_test(test_tiktok_bottom),   cmocka_unit_test(test_engagement_itself),
        cmocka_unit_test(test_currency),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
