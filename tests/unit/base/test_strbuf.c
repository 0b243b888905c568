/* The growing buffer: its cap, its sticky error, its hand-over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "base/strbuf.h"

static void test_appends(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf sb;

    strbuf_init(&sb, 1000);
    assert_string_equal(sb.ptr, "");
    assert_int_equal(strbuf_add(&sb, "ab\0", 3), 0);
    assert_int_equal(strbuf_addc(&sb, 'c'), 0);
    assert_int_equal(strbuf_adds(&sb, "de"), 0);
    assert_int_equal(strbuf_addspan(&sb, SPAN_NONE), 0);
    assert_int_equal(strbuf_addf(&sb, "%d-%s", 7, "x"), 0);
    assert_int_equal(strbuf_addu64(&sb, UINT64_MAX), 0);
    assert_int_equal(strbuf_addi64(&sb, INT64_MIN), 0);
    assert_int_equal(strbuf_addi64(&sb, 0), 0);
    assert_true(
        span_eq(strbuf_span(&sb), SPAN("ab\0cde7-x18446744073709551615-92233720368547758080")));
    assert_int_equal(sb.ptr[sb.len], '\0');
}

/* A string is printed whole whether the room is there already or has to be made. */
static void test_addf_grows(void **state UNUSED)
{
    for (int width = 0; width < 300; width++) {
        _cleanup_strbuf_ struct strbuf sb;

        strbuf_init(&sb, 400);
        assert_int_equal(strbuf_addf(&sb, "%*d", width + 1, 1), 0);
        assert_int_equal(strbuf_addf(&sb, "%*d", 50, 2), 0);
        assert_int_equal(sb.len, width + 51);
        assert_int_equal(sb.ptr[width], '1');
        assert_int_equal(sb.ptr[sb.len - 1], '2');
        assert_int_equal(sb.ptr[sb.len], '\0');
    }
}

static void test_the_cap_holds_and_the_error_sticks(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf sb;

    strbuf_init(&sb, 5);
    assert_int_equal(strbuf_adds(&sb, "12345"), 0);
    assert_int_equal(strbuf_add(&sb, "", 0), 0);
    assert_int_equal(strbuf_addc(&sb, '6'), -ENOBUFS);
    assert_string_equal(sb.ptr, "12345");
    strbuf_truncate(&sb, 1);
    assert_int_equal(strbuf_addc(&sb, '6'), -ENOBUFS);
    assert_int_equal(strbuf_addf(&sb, "%d", 1), -ENOBUFS);
    assert_int_equal(strbuf_error(&sb), -ENOBUFS);
    strbuf_reset(&sb);
    assert_int_equal(strbuf_addf(&sb, "%s", "123456"), -ENOBUFS);
    assert_string_equal(sb.ptr, "");
    strbuf_reset(&sb);
    assert_int_equal(strbuf_addf(&sb, "%s", "12345"), 0);
    assert_string_equal(sb.ptr, "12345");
}

static void test_reserve_refuses_what_would_overflow(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf sb;

    strbuf_init(&sb, 100);
    assert_int_equal(strbuf_addc(&sb, 'a'), 0);
    assert_int_equal(strbuf_reserve(&sb, SIZE_MAX), -ENOBUFS);
    strbuf_reset(&sb);
    assert_int_equal(strbuf_reserve(&sb, 100), 0);
    assert_true(sb.size > 100);
    assert_int_equal(sb.len, 0);
}

static void test_take(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf sb;
    _cleanup_free_ char *empty = NULL, *text = NULL;
    size_t len = 9;

    strbuf_init(&sb, 100);
    empty = strbuf_take(&sb, &len);
    assert_string_equal(empty, "");
    assert_int_equal(len, 0);
    (void)strbuf_adds(&sb, "abc");
    text = strbuf_take(&sb, NULL);
    assert_string_equal(text, "abc");
    assert_int_equal(sb.len, 0);
    assert_int_equal(strbuf_adds(&sb, "again"), 0);
}

/* An error text that is too long is better cut than lost. */
static void test_setf(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf sb;

    strbuf_init(&sb, 10);
    strbuf_setf(&sb, "%s", "first");
    strbuf_setf(&sb, "%d", 42);
    assert_string_equal(sb.ptr, "42");
    strbuf_setf(&sb, "%s", "a longer text than ten");
    assert_string_equal(sb.ptr, "a longer t");
    assert_int_equal(strbuf_error(&sb), 0);
    strbuf_setf(&sb, "%s", "ok");
    assert_string_equal(sb.ptr, "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_addf_grows),
        cmocka_unit_test(test_the_cap_holds_and_the_error_sticks),
        cmocka_unit_test(test_reserve_refuses_what_would_overflow),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_setf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
