/* Cells and names are numbered as they first come, whatever their hashes; cells sort by key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/cell_map.h"

#define CELLS 50000

static struct key_number key_of(uint64_t n)
{
    return (struct key_number){ .high = n % 7, .low = (CELLS - n) << 32 | n % 3 };
}

static void test_cells(void **state UNUSED)
{
    _cleanup_arena_ struct arena arena;
    static uint64_t sums[CELLS];
    struct cell_map map;
    uint32_t *order;

    arena_init(&arena, 1 << 20, 1 << 28);
    assert_int_equal(cell_map_init(&map, &arena, CELLS), 0);
    for (uint64_t round = 1; round <= 3; round++)
        for (uint64_t n = 0; n < CELLS; n++) {
            uint32_t cell = cell_map_add(&map, key_of(n));
            assert_int_equal(cell, n);
            sums[cell] += round * n;
        }
    assert_int_equal(map.count, CELLS);
    for (uint64_t n = 0; n < CELLS; n++)
        assert_int_equal(sums[n], 6 * n);
    order = cell_map_sorted(&map);
    assert_non_null(order);
    for (size_t i = 1; i < CELLS; i++)
        assert_true(key_number_compare(map.keys[order[i - 1]], map.keys[order[i]]) < 0);
}

/* Full to the last place it was made for, and of one. */
static void test_small_maps(void **state UNUSED)
{
    _cleanup_arena_ struct arena arena;
    struct cell_map map;

    arena_init(&arena, 1 << 20, 1 << 28);
    for (size_t most = 1; most < 100; most++) {
        assert_int_equal(cell_map_init(&map, &arena, most), 0);
        for (uint64_t n = 0; n < most; n++)
            assert_int_equal(cell_map_add(&map, (struct key_number){ .low = n }), n);
        for (uint64_t n = most; n-- > 0;)
            assert_int_equal(cell_map_add(&map, (struct key_number){ .low = n }), n);
    }
}

static void test_no_memory(void **state UNUSED)
{
    _cleanup_arena_ struct arena arena;
    struct cell_map map;
    struct name_map names;

    arena_init(&arena, 4096, 8192);
    assert_true(cell_map_init(&map, &arena, CELLS) < 0);
    assert_true(name_map_init(&names, &arena, CELLS) < 0);
}

static void test_names(void **state UNUSED)
{
    static const char *const alike[] = {
        "a", "b", "aaaaaaaa", "aaaaaaaab", "aaaaaaaaaaaaaaaa", "aa", "aaaaaaaaaaaaaaab"
    };
    _cleanup_arena_ struct arena arena;
    struct name_map map;
    char text[32];

    arena_init(&arena, 1 << 20, 1 << 28);
    assert_int_equal(name_map_init(&map, &arena, CELLS), 0);
    assert_int_equal(name_map_add(&map, SPAN_NONE), 0);
    assert_int_equal(name_map_add(&map, SPAN("")), 0);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < ARRAY_SIZE(alike); i++)
            assert_int_equal(name_map_add(&map, span_str(alike[i])), i + 1);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 10000; i++) {
            (void)snprintf(text, sizeof(text), "campaign-%u", i);
            struct span name = round ? span_str(text) : arena_span(&arena, span_str(text));
            assert_int_equal(name_map_add(&map, name), ARRAY_SIZE(alike) + 1 + i);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_small_maps),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
