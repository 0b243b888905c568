/* The slots of a publisher, without a server. */
#include "bus/inflight.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int freed;

static void count_free(void *msg)
{
    (void)msg;
    freed++;
}

static int setup(void **state)
{
    static struct inflight f;

    freed = 0;
    *state = &f;
    return inflight_init(&f, 3, 100, count_free);
}

static int teardown(void **state)
{
    inflight_release(*state);
    return 0;
}

static uint64_t add(struct inflight *f, intptr_t token, uint64_t deadline)
{
    struct inflight_slot *s = inflight_reserve(f, 10, (void *)token);

    assert_non_null(s);
    inflight_queue(f, s, (void *)token, deadline);
    return inflight_id(f, s);
}

static void expect(struct inflight *f, intptr_t token, enum bus_outcome outcome)
{
    struct bus_result r;

    assert_true(inflight_take(f, &r));
    assert_ptr_equal(r.token, (void *)token);
    assert_int_equal(r.outcome, outcome);
}

static void test_acks_out_of_order(void **state)
{
    const struct bus_result stored = { .outcome = BUS_STORED, .seq = 5 };
    struct inflight *f = *state;
    uint64_t a = add(f, 1, 10), b = add(f, 2, 20), id;
    struct bus_result r;

    assert_null(inflight_find(f, a)); /* not sent yet */
    assert_ptr_equal(inflight_send(f, &id), (void *)1);
    assert_int_equal(id, a);
    assert_ptr_equal(inflight_send(f, &id), (void *)2);
    assert_null(inflight_send(f, &id));
    inflight_finish(f, inflight_find(f, b), &stored);
    assert_null(inflight_find(f, b)); /* a second ack of the same */
    assert_int_equal(inflight_deadline(f), 10);
    expect(f, 2, BUS_STORED);
    assert_false(inflight_take(f, &r));
    assert_int_equal(f->used, 1);
    assert_int_equal(freed, 0); /* what was sent belongs to the sender */
}

static void test_expiry(void **state)
{
    struct inflight *f = *state;
    uint64_t a = add(f, 1, 10), id;
    void *msg;

    add(f, 2, 20);
    add(f, 3, 30);
    msg = inflight_send(f, &id);
    assert_ptr_equal(msg, (void *)1);
    assert_false(inflight_expire(f, 9));
    assert_true(inflight_expire(f, 20)); /* one sent, one never sent */
    assert_int_equal(freed, 1);
    expect(f, 1, BUS_UNKNOWN);
    expect(f, 2, BUS_UNKNOWN);
    assert_ptr_equal(inflight_send(f, &id), (void *)3);
    assert_int_equal(inflight_deadline(f), 30);
    assert_null(inflight_find(f, a)); /* its ack comes late */
}

static void test_late_ack_of_reused_slot(void **state)
{
    struct inflight *f = *state;
    uint64_t old = add(f, 1, 10), id;

    assert_non_null(inflight_send(f, &id));
    assert_true(inflight_expire(f, 10));
    expect(f, 1, BUS_UNKNOWN);
    for (intptr_t i = 2; i <= 4; i++) { /* all three slots anew */
        (void)add(f, i, 100);
        assert_non_null(inflight_send(f, &id));
        assert_int_not_equal(id, old);
    }
    assert_null(inflight_find(f, old));
    assert_null(inflight_find(f, UINT64_MAX));
}

static void test_inboxes(void **state)
{
    const struct bus_result refused = { .outcome = BUS_REFUSED };
    struct inflight *f = *state;
    struct bus_result r;
    uint64_t id;

    for (intptr_t i = 0; i < 3; i++)
        (void)add(f, i + 1, 10);
    f->slots[1].inbox = 7;
    f->slots[2].inbox = 7;
    assert_ptr_equal(inflight_send(f, &id), (void *)1);
    assert_ptr_equal(inflight_send(f, &id), (void *)2); /* the third is not sent */
    inflight_finish_inbox(f, 7, &refused);
    expect(f, 2, BUS_REFUSED);
    assert_false(inflight_take(f, &r));
}

static void test_limits(void **state)
{
    struct inflight *f = *state;
    struct inflight_slot *s = inflight_reserve(f, 1000, NULL); /* too large, but alone */

    assert_non_null(s);
    assert_null(inflight_reserve(f, 0, NULL)); /* bytes are used up */
    inflight_cancel(f, s);
    assert_int_equal(f->bytes, 0);
    (void)add(f, 1, 1);
    assert_null(inflight_reserve(f, 91, NULL));
    assert_null(inflight_reserve(f, UINT64_MAX, NULL));
    (void)add(f, 2, 2);
    (void)add(f, 3, 3);
    assert_null(inflight_reserve(f, 0, NULL)); /* slots are used up */
}

static void test_release_frees_queued(void **state)
{
    struct inflight *f = *state;

    (void)add(f, 1, 1);
    (void)add(f, 2, 2);
    inflight_release(f);
    assert_int_equal(freed, 2);
}

static void test_no_slots(void **state)
{
    struct inflight f;

    (void)state;
    assert_int_equal(inflight_init(&f, 0, 100, count_free), -EINVAL);
    inflight_release(&f);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_acks_out_of_order),
        TEST(test_expiry),
        TEST(test_late_ack_of_reused_slot),
        TEST(test_inboxes),
        TEST(test_limits),
        TEST(test_release_frees_queued),
        cmocka_unit_test(test_no_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
