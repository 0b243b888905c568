/* The filter never forgets what was added of late, seldom suspects what was not, and loses trust
 * when it misses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "store/key_filter.h"

#define KEYS 1000000
/* As many as one generation of the filter takes, and more. */
#define MANY_KEYS 6000000

/* splitmix64 (https://prng.di.unimi.it/splitmix64.c) */
static uint64_t mixed(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static struct key_number key_of(uint64_t n)
{
    return (struct key_number){ .high = mixed(2 * n), .low = mixed(2 * n + 1) };
}

static void add(struct key_filter *f, uint64_t first, uint64_t end)
{
    for (uint64_t n = first; n < end; n++)
        key_filter_add(f, key_of(n));
}

static uint64_t held(const struct key_filter *f, uint64_t first, uint64_t end)
{
    uint64_t count = 0;

    for (uint64_t n = first; n < end; n++)
        count += key_filter_may_hold(f, key_of(n));
    return count;
}

static void test_holds(void **state UNUSED)
{
    struct key_filter *f = key_filter_new();

    assert_non_null(f);
    assert_int_equal(held(f, 0, KEYS), 0);
    add(f, 0, KEYS);
    assert_int_equal(held(f, 0, KEYS), KEYS);
    assert_in_range(held(f, KEYS, 2 * KEYS), 0, KEYS / 100);
    assert_null(key_filter_free(f));
}

static void test_forgets_the_oldest(void **state UNUSED)
{
    struct key_filter *f = key_filter_new();

    assert_non_null(f);
    add(f, 0, MANY_KEYS);
    assert_int_equal(held(f, MANY_KEYS - KEYS, MANY_KEYS), KEYS);
    add(f, MANY_KEYS, 2 * MANY_KEYS);
    assert_int_equal(held(f, 2 * MANY_KEYS - KEYS, 2 * MANY_KEYS), KEYS);
    assert_in_range(held(f, 0, KEYS), 0, KEYS / 50);
    assert_null(key_filter_free(f));
}

static unsigned wary_batches(struct key_filter *f)
{
    unsigned count = 0;

    for (; !key_filter_is_trusted(f); count++)
        key_filter_served(f);
    return count;
}

static void test_trust(void **state UNUSED)
{
    static const unsigned wary[] = { 1, 2, 4, 8, 16, 32, 64, 64 };
    struct key_filter *f = key_filter_new();

    assert_non_null(f);
    assert_true(key_filter_is_trusted(f));
    for (size_t i = 0; i < ARRAY_SIZE(wary); i++) {
        key_filter_missed(f);
        assert_int_equal(wary_batches(f), wary[i]);
    }
    for (int i = 0; i < 4; i++)
        key_filter_served(f); /* trusted, and rightly: 64 becomes 4 */
    key_filter_missed(f);
    assert_int_equal(wary_batches(f), 4);
    assert_null(key_filter_free(f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds),
        cmocka_unit_test(test_forgets_the_oldest),
        cmocka_unit_test(test_trust),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
