/* Arenas: apart, aligned, capped, reused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdalign.h>
#include <string.h>

#include "base/arena.h"

static void test_memory_is_apart_and_aligned(void **state UNUSED)
{
    _cleanup_arena_ struct arena a;
    char *blocks[100];

    arena_init(&a, 256, 1 << 20);
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        blocks[i] = arena_alloc(&a, i);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        memset(blocks[i], (int)i, i);
    }
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal(blocks[i][j], (char)i);
}

static void test_cap(void **state UNUSED)
{
    _cleanup_arena_ struct arena a;

    arena_init(&a, 100, 1000);
    assert_null(arena_alloc(&a, 1001));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_array(&a, uint64_t, SIZE_MAX / 4));
    assert_non_null(arena_alloc(&a, 900));
    assert_null(arena_alloc(&a, 200));
    arena_release(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(arena_alloc(&a, 200));
}

static void test_reset_keeps_one_block(void **state UNUSED)
{
    _cleanup_arena_ struct arena a;
    void *first;

    arena_init(&a, 128, 1000);
    arena_reset(&a);
    first = arena_alloc(&a, 10);
    arena_reset(&a);
    assert_ptr_equal(arena_alloc(&a, 10), first);
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 5; i++)
            assert_non_null(arena_alloc(&a, 100));
        arena_reset(&a);
        assert_true(a.used <= 128);
    }
}

static void test_copies(void **state UNUSED)
{
    _cleanup_arena_ struct arena a;
    struct span copy;
    int *zero;

    arena_init(&a, 64, 1000);
    assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(&a, NULL, 0), "");
    copy = arena_span(&a, SPAN("x\0y"));
    assert_true(span_eq(copy, SPAN("x\0y")));
    assert_int_equal(copy.ptr[copy.len], '\0');
    memset(arena_alloc(&a, 64), 0xff, 64);
    arena_reset(&a);
    zero = arena_new(&a, int);
    assert_int_equal(*zero, 0);
    assert_null(arena_span(&a, span_of("x", 2000)).ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_apart_and_aligned),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_reset_keeps_one_block),
        cmocka_unit_test(test_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
