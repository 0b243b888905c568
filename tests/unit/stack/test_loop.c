#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "stack/loop.h"

struct seen {
    char order[16];
    size_t count;
};

struct mark {
    struct seen *seen;
    char name;
};

static void note(void *ctx)
{
    struct mark *m = ctx;

    m->seen->order[m->seen->count++] = m->name;
}

static void on_readable(void *ctx, uint32_t events)
{
    assert_true(events & EPOLLIN);
    note(ctx);
}

static void test_timers_fire_in_order_and_once(void **state)
{
    struct loop loop;
    struct seen seen = { 0 };
    struct mark marks[] = { { &seen, 'a' }, { &seen, 'b' }, { &seen, 'c' }, { &seen, 'd' } };
    struct loop_timer timers[4];
    uint64_t begin;

    (void)state;
    assert_int_equal(loop_init(&loop), 0);
    for (int i = 0; i < 4; i++)
        timers[i] = (struct loop_timer){ .fn = note, .ctx = &marks[i] };
    begin = clock_mono_usec();
    loop_timer_in(&loop, &timers[0], 6000);
    loop_timer_in(&loop, &timers[1], 2000);
    loop_timer_in(&loop, &timers[2], 4000);
    loop_timer_in(&loop, &timers[3], 1000);
    loop_timer_cancel(&loop, &timers[3]);
    loop_timer_in(&loop, &timers[1], 8000); /* moved, not doubled */
    while (seen.count < 3)
        assert_int_equal(loop_step(&loop), 0);
    assert_string_equal(seen.order, "cab");
    assert_true(clock_mono_usec() - begin >= 8000);
    assert_null(loop.timers);
    loop_release(&loop);
}

static void test_descriptors(void **state)
{
    struct loop loop;
    struct seen seen = { 0 };
    struct mark mark = { &seen, 'x' };
    struct loop_source source = { .fd = -1, .fn = on_readable, .ctx = &mark };
    int ends[2];

    (void)state;
    assert_int_equal(loop_init(&loop), 0);
    assert_int_equal(pipe(ends), 0);
    loop_unwatch(&loop, &source);
    assert_int_equal(loop_watch(&loop, &source, ends[0], EPOLLIN), 0);
    assert_int_equal(write(ends[1], "1", 1), 1);
    assert_int_equal(loop_step(&loop), 0);
    assert_int_equal(loop_step(&loop), 0); /* level-triggered */
    assert_string_equal(seen.order, "xx");
    loop_unwatch(&loop, &source);
    assert_int_equal(source.fd, -1);
    (void)close(ends[0]);
    (void)close(ends[1]);
    loop_release(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order_and_once),
        cmocka_unit_test(test_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
