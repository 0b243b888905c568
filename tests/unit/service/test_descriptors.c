/* How many connections fit under a limit of open files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "base/macros.h"
#include "service/descriptors.h"

static void fit(void **state UNUSED)
{
    static const struct {
        uint64_t limit, own;
        uint32_t wanted, fit;
    } cases[] = {
        { 20000, 60, 10000, 10000 }, { 10060, 60, 10000, 10000 }, { 10059, 60, 10000, 9999 },
        { 1024, 60, 10000, 964 },    { 64, 60, 10000, 16 },       { 64, 60, 5, 5 },
        { 2, 60, 100, 1 },           { UINT64_MAX, 60, 7, 7 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(descriptors_fit(cases[i].limit, cases[i].own, cases[i].wanted),
                         cases[i].fit);
}

static void soft_limit_is_raised(void **state UNUSED)
{
    struct rlimit limit, now;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)100);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(descriptors_raise() >= limit.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_true(now.rlim_cur == limit.rlim_max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit),
        cmocka_unit_test(soft_limit_is_raised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
