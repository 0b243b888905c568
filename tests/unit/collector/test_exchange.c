/* The hand-over between a worker's threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "collector/exchange.h"

static void test_one_is_filled_while_the_other_is_written(void **state UNUSED)
{
    struct exchange x;
    int a, b;

    assert_int_equal(exchange_init(&x), 0);
    a = exchange_take_free(&x);
    assert_true(exchange_writer_idle(&x, 0));
    exchange_hand_over(&x, a);
    assert_false(exchange_writer_idle(&x, 0)); /* it has not taken it yet */
    b = exchange_take_free(&x);
    assert_int_not_equal(a, b);
    assert_int_equal(exchange_take_ready(&x), a);
    assert_false(exchange_writer_idle(&x, 1000));
    exchange_done(&x, a);
    assert_true(exchange_writer_idle(&x, 0));
    exchange_return(&x, b);
    exchange_release(&x);
}

static void test_interrupt_and_close(void **state UNUSED)
{
    struct exchange x;
    int a;

    assert_int_equal(exchange_init(&x), 0);
    a = exchange_take_free(&x);
    exchange_interrupt(&x);
    assert_int_equal(exchange_take_free(&x), -1); /* although one is free */
    exchange_hand_over(&x, a);
    assert_false(exchange_writer_idle(&x, 60000000)); /* does not wait any more */
    exchange_close(&x);
    assert_int_equal(exchange_take_ready(&x), a); /* what was handed over is still done */
    exchange_done(&x, a);
    assert_int_equal(exchange_take_ready(&x), -1);
    exchange_release(&x);
}

#define HAND_OVERS 20000

struct parties {
    struct exchange x;
    unsigned value[EXCHANGE_SLOTS];
};

static void *write_all(void *arg)
{
    struct parties *p = arg;
    uintptr_t sum = 0;
    int slot;

    while ((slot = exchange_take_ready(&p->x)) >= 0) {
        sum += p->value[slot];
        exchange_done(&p->x, slot);
    }
    return (void *)sum;
}

static void test_two_threads(void **state UNUSED)
{
    struct parties p = { 0 };
    pthread_t writer;
    uintptr_t wanted = 0;
    void *sum;

    assert_int_equal(exchange_init(&p.x), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_all, &p), 0);
    for (unsigned i = 0; i < HAND_OVERS; i++) {
        int slot = exchange_take_free(&p.x);

        p.value[slot] = i;
        wanted += i;
        if (i % 3 == 0)
            (void)exchange_writer_idle(&p.x, 100);
        exchange_hand_over(&p.x, slot);
    }
    exchange_close(&p.x);
    pthread_join(writer, &sum);
    assert_int_equal((uintptr_t)sum, wanted);
    exchange_release(&p.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_is_filled_while_the_other_is_written),
        cmocka_unit_test(test_interrupt_and_close),
        cmocka_unit_test(test_two_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
