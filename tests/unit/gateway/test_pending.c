#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gateway/pending.h"

static const struct refusal refusal = { 400, "word" };

static struct event_fault fault_of(const char *id, const char *pointer)
{
    return (struct event_fault){ .pointer = pointer,
                                 .expected = "expected a \"thing\"",
                                 .event_id = span_str(id),
                                 .source = -1,
                                 .stage = -1 };
}

static void errors_are_rendered_and_capped(void **state)
{
    struct pending_pool pool = { 0 };
    struct pending *p = pending_get(&pool);
    char id[3 * EVENT_ID_MAX];
    struct event_fault fault = fault_of("e\n1", "/timestamp");

    (void)state;
    assert_non_null(p);
    pending_reject(p, 7, &fault);
    fault = fault_of(NULL, "");
    pending_reject(p, 9, &fault);
    assert_string_equal(p->errors.ptr,
                        "{\"index\":7,\"eventId\":\"e\\n1\",\"pointer\":\"/timestamp\","
                        "\"error\":\"expected a \\\"thing\\\"\"},"
                        "{\"index\":9,\"eventId\":null,\"pointer\":\"\","
                        "\"error\":\"expected a \\\"thing\\\"\"}");
    assert_string_equal(p->message, "/timestamp: expected a \"thing\"");

    /* The longest ids there can be, all escaped, still fit. */
    memset(id, 1, sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    fault = fault_of(id, "/data/engagement/purchaseAmount");
    for (uint32_t i = 0; i < 300; i++)
        pending_reject(p, i, &fault);
    assert_int_equal(p->rejected, 302);
    assert_int_equal(p->error_count, PENDING_ERRORS_MAX);
    assert_int_equal(strbuf_error(&p->errors), 0);
    pending_put(&pool, p);
    pending_pool_release(&pool);
}

static void the_worst_failure_is_kept(void **state)
{
    struct pending_pool pool = { 0 };
    struct pending *p = pending_get(&pool);

    (void)state;
    assert_non_null(p);
    pending_fail(p, FAILURE_NONE);
    assert_int_equal(p->failure, FAILURE_NONE);
    pending_fail(p, FAILURE_STREAM_FULL);
    pending_fail(p, FAILURE_OVERLOADED);
    assert_int_equal(p->failure, FAILURE_STREAM_FULL);
    pending_put(&pool, p);
    pending_pool_release(&pool);
}

static void done_means_sealed_and_all_outcomes(void **state)
{
    struct pending_pool pool = { 0 };
    struct pending *p = pending_get(&pool);

    (void)state;
    assert_non_null(p);
    assert_false(pending_done(p));
    p->awaited = 1;
    p->sealed = true;
    assert_false(pending_done(p));
    p->awaited = 0;
    assert_true(pending_done(p));
    pending_put(&pool, p);
    pending_pool_release(&pool);
}

static void the_stock_gives_back_clean_ones(void **state)
{
    struct pending_pool pool = { 0 };
    struct pending *taken[200];
    struct event_fault fault = fault_of("id", "/x");

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        taken[i] = pending_get(&pool);
        assert_non_null(taken[i]);
        pending_reject(taken[i], 1, &fault);
        pending_refuse(taken[i], &refusal, "the %s", "reason");
        pending_fail(taken[i], FAILURE_MEMORY);
        assert_string_equal(taken[i]->message, "the reason");
    }
    for (size_t i = 0; i < 150; i++) /* those left out are freed with the stock */
        pending_put(&pool, taken[i]);
    for (size_t i = 0; i < 150; i++) {
        struct pending *p = pending_get(&pool);

        assert_int_equal(p->rejected + p->accepted + p->awaited + p->errors.len, 0);
        assert_int_equal(p->failure, FAILURE_NONE);
        assert_null(p->refusal);
        assert_null(p->req);
        assert_false(p->sealed);
    }
    pending_pool_release(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_rendered_and_capped),
        cmocka_unit_test(the_worst_failure_is_kept),
        cmocka_unit_test(done_means_sealed_and_all_outcomes),
        cmocka_unit_test(the_stock_gives_back_clean_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
