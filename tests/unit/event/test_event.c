/* Names, types, identity and payload digest of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "event/event.h"

static void check_names(const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        assert_non_null(names[i]);
        assert_int_equal(event_name_find(names, count, span_str(names[i])), i);
    }
}

static void test_names(void **state UNUSED)
{
    static const struct span unknown[] = {
        SPAN(""), SPAN("t"), SPAN("topp"), SPAN("Top"), SPAN("top\0"), SPAN("top "), SPAN_NONE,
    };

    check_names(event_source_names, SOURCE_COUNT);
    check_names(event_stage_names, STAGE_COUNT);
    check_names(event_type_names, TYPE_COUNT);
    check_names(event_gender_names, GENDER_COUNT);
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
        assert_int_equal(event_name_find(event_stage_names, STAGE_COUNT, unknown[i]), -1);
}

static void test_types(void **state UNUSED)
{
    static const struct {
        const char *source, *stage, *types;
    } rows[] = {
        { "facebook", "top", " ad.view page.like comment video.view " },
        { "facebook", "bottom", " ad.click form.submission checkout.complete " },
        { "tiktok", "top", " video.view like share comment " },
        { "tiktok", "bottom", " profile.visit purchase follow " },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        enum event_source source = (enum event_source)event_name_find(
            event_source_names, SOURCE_COUNT, span_str(rows[i].source));
        enum event_stage stage = (enum event_stage)event_name_find(event_stage_names, STAGE_COUNT,
                                                                   span_str(rows[i].stage));

        for (int type = 0; type < TYPE_COUNT; type++) {
            char word[64];
            bool listed;

            (void)snprintf(word, sizeof(word), " %s ", event_type_names[type]);
            listed = strstr(rows[i].types, word) != NULL;
            assert_int_equal(event_type_of_stage(source, stage, (enum event_type)type), listed);
            if (listed)
                assert_true(event_type_of_source(source, (enum event_type)type));
        }
        assert_false(event_type_of_source(source, TYPE_COUNT));
    }
    assert_false(event_type_of_source(SOURCE_TIKTOK, TYPE_AD_VIEW));
}

/* The value is stored: it must never change. printf 'facebook\0fb-1' | sha256sum */
static void test_key(void **state UNUSED)
{
    static const uint8_t expected[EVENT_KEY_BYTES] = {
        0x49, 0xf1, 0xd3, 0x81, 0x70, 0x9c, 0x56, 0x35,
        0x55, 0xf1, 0xea, 0xe0, 0x3c, 0xd0, 0xf2, 0x8b,
    };
    struct event_key key, other;

    event_key_of(SOURCE_FACEBOOK, SPAN("fb-1"), &key);
    assert_memory_equal(key.bytes, expected, sizeof(expected));
    event_key_of(SOURCE_TIKTOK, SPAN("fb-1"), &other);
    assert_memory_not_equal(key.bytes, other.bytes, sizeof(expected));
    event_key_of(SOURCE_FACEBOOK, SPAN("fb-1"), &other);
    assert_memory_equal(key.bytes, other.bytes, sizeof(expected));
}

static void *key_in_thread(void *arg)
{
    event_key_of(SOURCE_FACEBOOK, SPAN("fb-1"), arg);
    return NULL;
}

static void test_key_in_other_threads(void **state UNUSED)
{
    struct event_key keys[4], here;
    pthread_t threads[ARRAY_SIZE(keys)];

    event_key_of(SOURCE_FACEBOOK, SPAN("fb-1"), &here);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, key_in_thread, &keys[i]), 0);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_memory_equal(keys[i].bytes, here.bytes, sizeof(here.bytes));
    }
}

/* Stored likewise: the first 8 bytes of SHA-256, big-endian. printf '{"a":"x y","b":[1,2]}' |
 * sha256sum */
static void test_payload_digest(void **state UNUSED)
{
    static const char *const same[] = {
        "{\"a\":\"x y\",\"b\":[1,2]}",
        "{ \"a\" : \"x y\" ,\n\t\"b\":\r[1,\t2] } ",
    };
    static const char *const other[] = {
        "{\"a\":\"xy\",\"b\":[1,2]}",
        "{\"a\":\"x  y\",\"b\":[1,2]}",
        "{\"a\":\"x y\",\"b\":[12]}",
        "{\"b\":[1,2],\"a\":\"x y\"}",
        "",
    };

    for (size_t i = 0; i < ARRAY_SIZE(same); i++)
        assert_true(event_payload_digest(span_str(same[i])) == UINT64_C(0x3645f1556f06ff05));
    for (size_t i = 0; i < ARRAY_SIZE(other); i++)
        assert_true(event_payload_digest(span_str(other[i])) != UINT64_C(0x3645f1556f06ff05));
}

/* White space outside strings is left out and inside kept wherever blocks and buffers end. */
static void test_payload_digest_of_any_length(void **state UNUSED)
{
    char wide[12000], tight[12000];

    for (int pad = 0; pad < 3900; pad += pad < 200 ? 1 : 97) {
        (void)snprintf(wide, sizeof(wide), "{%*s\"k\\\\\\\"%*s\"%*s: 1 }", pad, "", pad, "", pad,
                       "");
        (void)snprintf(tight, sizeof(tight), "{\"k\\\\\\\"%*s\":1}", pad, "");
        assert_true(event_payload_digest(span_str(wide)) == event_payload_digest(span_str(tight)));
    }
}

static void test_revenue(void **state UNUSED)
{
    struct event ev = { .type = TYPE_LIKE };

    assert_false(event_is_revenue(&ev));
    ev.engagement.has_amount = true;
    assert_true(event_is_revenue(&ev));
    assert_true(event_is_revenue(&(struct event){ .type = TYPE_PURCHASE }));
    assert_true(event_is_revenue(&(struct event){ .type = TYPE_CHECKOUT_COMPLETE }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_key_in_other_threads),
        cmocka_unit_test(test_payload_digest),
        cmocka_unit_test(test_payload_digest_of_any_length),
        cmocka_unit_test(test_revenue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
