#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "gateway/failure.h"

static void outcomes(void **state)
{
    static const struct {
        enum bus_outcome outcome;
        int code;
        enum failure failure;
    } rows[] = {
        { BUS_STORED, 0, FAILURE_NONE },
        { BUS_DUPLICATE, 0, FAILURE_NONE },
        { BUS_UNKNOWN, 0, FAILURE_ACK_TIMEOUT },
        { BUS_REFUSED, 10077, FAILURE_STREAM_FULL },
        { BUS_REFUSED, 10023, FAILURE_STREAM_FULL },
        { BUS_REFUSED, BUS_ERROR_NO_STREAM, FAILURE_UNAVAILABLE },
        { BUS_REFUSED, 10054, FAILURE_UNAVAILABLE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct bus_result result = { .outcome = rows[i].outcome, .error_code = rows[i].code };

        assert_int_equal(failure_of_result(&result), rows[i].failure);
    }
}

static void error_numbers(void **state)
{
    (void)state;
    assert_int_equal(failure_of_errno(-EAGAIN), FAILURE_OVERLOADED);
    assert_int_equal(failure_of_errno(-ENOMEM), FAILURE_MEMORY);
    assert_int_equal(failure_of_errno(-ENOBUFS), FAILURE_MEMORY);
    assert_int_equal(failure_of_errno(-ENOTCONN), FAILURE_UNAVAILABLE);
}

static void each_has_its_words(void **state)
{
    (void)state;
    for (int i = 0; i < FAILURE_COUNT; i++) {
        assert_non_null(failure_texts[i].code);
        assert_non_null(failure_texts[i].message);
        if (i != FAILURE_NONE)
            assert_true(strtol(failure_texts[i].retry_after, NULL, 10) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes),
        cmocka_unit_test(error_numbers),
        cmocka_unit_test(each_has_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
