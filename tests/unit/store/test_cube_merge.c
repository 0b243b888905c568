/* Merging the cubes part by part, on a real PostgreSQL: reports see the same at any time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/cube_merge.h"
#include "unit/store/writer_fixture.h"

#define CAMPAIGNS 40u
#define EVENTS 400u

static void store_events(struct fixture *f)
{
    _cleanup_batch_ struct test_batch b;

    test_batch_init(&b);
    (void)add_message(&b, 1);
    for (unsigned i = 0; i < EVENTS; i++) {
        struct test_event event = {
            .id = i,
            .usec = (int64_t)i * 60 * USEC_PER_SEC,
            .user = i % 7,
            .cents = -1,
            .campaign = test_text(&b.arena, "campaign-%u", i % CAMPAIGNS).ptr,
        };
        (void)add_event(&b, &event);
    }
    assert_int_equal(store_write(f->writer, &b.batch, &f->err), 0);
}

static long deltas(struct fixture *f)
{
    return pg_number(f->conn, "SELECT count(*) FROM cube_deltas");
}

static void test_parts_are_merged_one_by_one(void **state)
{
    struct fixture *f = *state;
    unsigned with_rows = 0;
    long left;

    store_events(f);
    left = deltas(f);
    for (unsigned part = 0; part < CUBE_PARTS; part++) {
        uint64_t merged;
        assert_int_equal(cube_merge(f->db, part, &merged, &f->err), 0);
        with_rows += merged > 0;
        left -= (long)merged;
        assert_int_equal(deltas(f), left);
        assert_int_equal(batches_recount(f->conn), 0);
    }
    assert_int_equal(left, 0);
    assert_in_range(with_rows, CUBE_PARTS / 2, CUBE_PARTS);
    assert_int_equal(cube_vacuum(f->db, &f->err), 0);
    assert_int_equal(pg_number(f->conn, "SELECT pg_relation_size('cube_deltas')"), 0);
}

static void test_all_are_merged_at_once(void **state)
{
    struct fixture *f = *state;

    store_events(f);
    assert_int_equal(pg_number(f->conn, "SELECT merge_cube_deltas() - count(*) FROM cube_deltas"),
                     0);
    assert_int_equal(deltas(f), 0);
    assert_int_equal(batches_recount(f->conn), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parts_are_merged_one_by_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_are_merged_at_once, set_up, tear_down),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
