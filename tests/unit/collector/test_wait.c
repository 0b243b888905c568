/* Delays that grow, and waits that a halt ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "collector/wait.h"

static void test_backoff_doubles_to_its_limit(void **state UNUSED)
{
    static const uint64_t wanted[] = { 100000,  200000,  400000,  800000,
                                       1600000, 3200000, 5000000, 5000000 };
    struct backoff b = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        uint64_t delay = backoff_next(&b);

        assert_in_range(delay, wanted[i] * 3 / 4, wanted[i] * 5 / 4);
        assert_int_equal(b.attempts, i + 1);
    }
    backoff_reset(&b);
    assert_in_range(backoff_next(&b), 75000, 125000);
    assert_in_range(backoff_slow(&b), BACKOFF_MAX_USEC * 3 / 4, BACKOFF_MAX_USEC * 5 / 4);
}

static void test_backoffs_differ(void **state UNUSED)
{
    struct backoff a = { .random = 1 }, b = { .random = 2 };
    int same = 0;

    for (int i = 0; i < 20; i++)
        same += backoff_next(&a) == backoff_next(&b);
    assert_true(same < 5);
}

static void test_halt_wait_ends_by_time(void **state UNUSED)
{
    struct halt h;
    uint64_t begun = clock_mono_usec();

    assert_int_equal(halt_init(&h), 0);
    assert_false(halt_wait(&h, 20000));
    assert_true(clock_mono_usec() - begun >= 20000);
    halt_release(&h);
}

static void *set(void *halt)
{
    halt_set(halt);
    return NULL;
}

static void test_halt_wait_ends_by_halt(void **state UNUSED)
{
    uint64_t begun = clock_mono_usec();
    pthread_t thread;
    struct halt h;

    assert_int_equal(halt_init(&h), 0);
    assert_int_equal(pthread_create(&thread, NULL, set, &h), 0);
    assert_true(halt_wait(&h, 60 * (uint64_t)USEC_PER_SEC));
    assert_true(halt_is_set(&h));
    assert_true(halt_wait(&h, 60 * (uint64_t)USEC_PER_SEC)); /* at once */
    assert_true(clock_mono_usec() - begun < 30 * (uint64_t)USEC_PER_SEC);
    pthread_join(thread, NULL);
    halt_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff_doubles_to_its_limit),
        cmocka_unit_test(test_backoffs_differ),
        cmocka_unit_test(test_halt_wait_ends_by_time),
        cmocka_unit_test(test_halt_wait_ends_by_halt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
