/* Numbers of users are found again, and the cache stays as large as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/macros.h"
#include "store/user_cache.h"

static int32_t get(const struct user_cache *cache, enum event_source source, unsigned user)
{
    char id[32];

    (void)snprintf(id, sizeof(id), "user-%u", user);
    return user_cache_get(cache, source, span_str(id));
}

static void put(struct user_cache *cache, enum event_source source, unsigned user, int32_t no)
{
    char id[32];

    (void)snprintf(id, sizeof(id), "user-%u", user);
    user_cache_put(cache, source, span_str(id), no);
}

static void test_finds_what_was_put(void **state UNUSED)
{
    struct user_cache *cache = user_cache_new();

    assert_non_null(cache);
    assert_int_equal(get(cache, SOURCE_FACEBOOK, 1), -1);
    put(cache, SOURCE_FACEBOOK, 1, 0);
    put(cache, SOURCE_TIKTOK, 1, INT32_MAX);
    assert_int_equal(get(cache, SOURCE_FACEBOOK, 1), 0);
    assert_int_equal(get(cache, SOURCE_TIKTOK, 1), INT32_MAX);
    assert_int_equal(get(cache, SOURCE_TIKTOK, 2), -1);
    put(cache, SOURCE_FACEBOOK, 1, 5);
    assert_int_equal(get(cache, SOURCE_FACEBOOK, 1), 5);
    user_cache_clear(cache);
    assert_int_equal(get(cache, SOURCE_FACEBOOK, 1), -1);
    cache = user_cache_free(cache);
}

/* Twice as many users as it can hold: who is in it has the right number, and most of it is used. */
static void test_full(void **state UNUSED)
{
    const unsigned users = 2 * 1024 * 1024;
    struct user_cache *cache = user_cache_new();
    unsigned found = 0;

    for (unsigned i = 0; i < users; i++)
        put(cache, SOURCE_FACEBOOK, i, (int32_t)i);
    for (unsigned i = 0; i < users; i++) {
        int32_t no = get(cache, SOURCE_FACEBOOK, i);
        if (no != -1)
            assert_int_equal(no, i);
        found += no != -1;
    }
    assert_in_range(found, 900 * 1024, 1024 * 1024);
    cache = user_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_was_put),
        cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
