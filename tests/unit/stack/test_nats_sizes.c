#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "stack/nats_sizes.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static int choose(uint64_t store, uint64_t stream, uint64_t dlq, struct nats_sizes *ret)
{
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, 1024);
    r = nats_sizes_choose(store, stream, dlq, ret, &err);
    if (r < 0)
        assert_non_null(strstr(err.ptr, "STREAM_MAX_BYTES"));
    return r;
}

static void test_all_that_is_chosen_fits(void **state)
{
    static const uint64_t stores[] = { 66 * MIB, 100 * MIB, 1 * GIB, 16 * GIB, 1000 * GIB };
    struct nats_sizes sizes;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
        assert_int_equal(choose(stores[i], 0, 0, &sizes), 0);
        assert_true(2 * (sizes.stream_bytes + sizes.dlq_bytes) + 64 * MIB <= stores[i]);
    }
    assert_true(sizes.stream_bytes == 10 * GIB && sizes.dlq_bytes == 1 * GIB);
}

static void test_what_is_set_is_kept_or_refused(void **state)
{
    struct nats_sizes sizes = { 0 };

    (void)state;
    assert_int_equal(choose(1 * GIB, 100 * MIB, 50 * MIB, &sizes), 0);
    assert_true(sizes.stream_bytes == 100 * MIB && sizes.dlq_bytes == 50 * MIB);
    assert_int_equal(choose(364 * MIB, 100 * MIB, 50 * MIB, &sizes), 0); /* to the last byte */
    assert_int_equal(choose(364 * MIB - 2, 100 * MIB, 50 * MIB, &sizes), -ENOSPC);
    assert_int_equal(choose(1 * GIB, 470 * MIB, 0, &sizes), -ENOSPC);
    assert_int_equal(choose(1 * GIB, UINT64_MAX, UINT64_MAX, &sizes), -ENOSPC);
    assert_int_equal(choose(64 * MIB, 0, 0, &sizes), -ENOSPC);
    assert_int_equal(choose(0, 0, 0, &sizes), -ENOSPC);
    assert_true(sizes.stream_bytes == 100 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_is_chosen_fits),
        cmocka_unit_test(test_what_is_set_is_kept_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
