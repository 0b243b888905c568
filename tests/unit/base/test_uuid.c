/* Random identifiers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "base/macros.h"
#include "base/uuid.h"

static void test_form(void **state UNUSED)
{
    static const char form[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";

    for (int i = 0; i < 1000; i++) { /* more than one draw from the kernel */
        char text[UUID_TEXT_BYTES];

        uuid_random(text);
        assert_int_equal(strlen(text), 36);
        for (size_t k = 0; k < 36; k++) {
            const char *allowed = form[k] == 'x'   ? "0123456789abcdef"
                                  : form[k] == 'y' ? "89ab"
                                  : form[k] == '4' ? "4"
                                                   : "-";
            assert_non_null(strchr(allowed, text[k]));
        }
    }
}

static void test_no_two_are_equal(void **state UNUSED)
{
    static char all[2000][UUID_TEXT_BYTES];

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        uuid_random(all[i]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(all[i], all[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_no_two_are_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
