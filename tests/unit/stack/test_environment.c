#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/environment.h"

static void test_inherits_but_for_some(void **state)
{
    static const char *const without[] = { "PORT", "PG*", NULL };
    _cleanup_environment_ struct environment env;

    (void)state;
    assert_int_equal(setenv("PORT", "1", 1), 0);
    assert_int_equal(setenv("PORTS", "2", 1), 0);
    assert_int_equal(setenv("PGHOST", "3", 1), 0);
    environment_init(&env);
    assert_int_equal(environment_inherit(&env, without), 0);
    assert_null(environment_get(&env, "PORT"));
    assert_null(environment_get(&env, "PGHOST"));
    assert_string_equal(environment_get(&env, "PORTS"), "2");
    assert_null(env.items[env.count]);
}

static void test_sets_and_replaces(void **state)
{
    _cleanup_environment_ struct environment env;

    (void)state;
    environment_init(&env);
    assert_int_equal(environment_set(&env, "A", "1"), 0);
    assert_int_equal(environment_set(&env, "AB", "2"), 0);
    assert_int_equal(environment_set(&env, "A", "x=y"), 0);
    assert_int_equal(env.count, 2);
    assert_string_equal(env.items[0], "A=x=y");
    assert_string_equal(environment_get(&env, "AB"), "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inherits_but_for_some),
        cmocka_unit_test(test_sets_and_replaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
