/* The account of a source: rows of the ledger against messages of the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "admin/audit/account.h"

struct message {
    uint64_t seq;
    int64_t time;
    uint32_t events;
};

struct row {
    uint64_t seq;
    int64_t time;
    uint64_t events, stored, duplicates, dead;
};

struct expected {
    uint64_t accepted, in_stream, in_flight, unaccounted, absent, uncounted, differences;
};

#define LIST_MAX 5

static const struct {
    const char *what;
    uint64_t floor;
    struct message messages[LIST_MAX]; /* up to seq 0 */
    struct row rows[LIST_MAX];         /* up to seq 0, in the ledger's order */
    struct expected expected;
} cases[] = {
    { "nothing at all", 0, { { 0 } }, { { 0 } }, { 0 } },
    { "each has its row",
      3,
      { { 1, 11, 5 }, { 2, 12, 6 }, { 3, 13, 7 } },
      { { 1, 11, 5, 5, 0, 0 }, { 2, 12, 6, 4, 1, 1 }, { 3, 13, 7, 0, 7, 0 } },
      { .accepted = 18, .in_stream = 18 } },
    { "no row above the floor",
      1,
      { { 1, 11, 5 }, { 2, 12, 6 } },
      { { 1, 11, 5, 5, 0, 0 } },
      { .accepted = 11, .in_stream = 11, .in_flight = 6 } },
    { "acked out of order",
      1,
      { { 1, 11, 5 }, { 2, 12, 6 }, { 3, 13, 7 } },
      { { 1, 11, 5, 5, 0, 0 }, { 3, 13, 7, 7, 0, 0 } },
      { .accepted = 18, .in_stream = 18, .in_flight = 6 } },
    { "no row at the floor",
      2,
      { { 1, 11, 5 }, { 2, 12, 6 } },
      { { 1, 11, 5, 5, 0, 0 } },
      { .accepted = 11, .in_stream = 11, .unaccounted = 6 } },
    { "the row is of another time: of a stream before",
      1,
      { { 1, 11, 5 } },
      { { 1, 7, 3, 3, 0, 0 } },
      { .accepted = 8, .in_stream = 5, .unaccounted = 5 } },
    { "rows of two streams with one name",
      1,
      { { 1, 11, 5 } },
      { { 1, 7, 3, 3, 0, 0 }, { 1, 11, 5, 5, 0, 0 } },
      { .accepted = 8, .in_stream = 5 } },
    { "messages that have left the stream, and one that has come since",
      3,
      { { 2, 12, 6 }, { 3, 13, 7 } },
      { { 1, 11, 5, 5, 0, 0 },
        { 2, 12, 6, 6, 0, 0 },
        { 3, 13, 7, 7, 0, 0 },
        { 4, 14, 9, 9, 0, 0 } },
      { .accepted = 27, .in_stream = 13 } },
    { "a message from the middle is gone",
      3,
      { { 1, 11, 5 }, { 3, 13, 7 } },
      { { 1, 11, 5, 5, 0, 0 }, { 2, 12, 6, 6, 0, 0 }, { 3, 13, 7, 7, 0, 0 } },
      { .accepted = 18, .in_stream = 12, .absent = 6 } },
    { "a row that does not add up",
      1,
      { { 1, 11, 5 } },
      { { 1, 11, 5, 4, 0, 0 } },
      { .accepted = 5, .in_stream = 5, .differences = 1 } },
    { "a row that counts other events than its message",
      1,
      { { 1, 11, 5 } },
      { { 1, 11, 6, 6, 0, 0 } },
      { .accepted = 5, .in_stream = 5, .differences = 1 } },
    { "a message that does not say",
      1,
      { { 1, 11, 0 }, { 2, 12, 0 } },
      { { 1, 11, 6, 6, 0, 0 } },
      { .accepted = 6, .in_stream = 6, .uncounted = 2 } },
};

static void fill(struct account *a, struct scanned_message *messages, unsigned i)
{
    *a = (struct account){ .source = "facebook", .floor = cases[i].floor };
    a->scan.messages = messages;
    while (a->scan.count < LIST_MAX && cases[i].messages[a->scan.count].seq) {
        const struct message *m = &cases[i].messages[a->scan.count];
        messages[a->scan.count++] = (struct scanned_message){ m->seq, m->time, m->events };
    }
}

static void test_cases(void **state UNUSED)
{
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct expected *e = &cases[i].expected;
        struct scanned_message messages[LIST_MAX];
        struct differences differences = { 0 };
        struct account a;

        print_message("%s\n", cases[i].what);
        fill(&a, messages, i);
        a.differences = &differences;
        for (const struct row *r = cases[i].rows; r < cases[i].rows + LIST_MAX && r->seq; r++) {
            const struct audit_row row = {
                .seq = r->seq,
                .stored_nsec = r->time,
                .counts = { 1, r->events, r->stored, r->duplicates, 0, r->dead, 0 },
            };
            assert_int_equal(account_row(&a, &row), 0);
        }
        account_finish(&a);
        assert_int_equal(a.accepted.events, e->accepted);
        assert_int_equal(a.in_stream.events, e->in_stream);
        assert_int_equal(a.in_flight.events, e->in_flight);
        assert_int_equal(a.unaccounted.events, e->unaccounted);
        assert_int_equal(a.absent.events, e->absent);
        assert_int_equal(a.uncounted, e->uncounted);
        assert_int_equal(differences.total, e->differences);
        differences_release(&differences);
    }
}

/* What was pruned counts, and the letters of dead events are looked for. */
static void test_pruned_and_dead(void **state UNUSED)
{
    struct scanned_message letter = { 3, 13, 0 };
    struct differences differences = { 0 };
    struct account a = { .source = "facebook", .differences = &differences };
    const struct audit_row rows[] = {
        { 3, 13, { 1, 5, 4, 0, 0, 1, 0 } },
        { 4, 14, { 1, 5, 3, 0, 0, 2, 0 } },
    };

    a.pruned.counts = (struct audit_counts){ 10, 100, 90, 4, 2, 5, 1 };
    a.letters = (struct scan){ .messages = &letter, .count = 1 };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        assert_int_equal(account_row(&a, &rows[i]), 0);
    account_finish(&a);
    assert_int_equal(a.accepted.messages, 12);
    assert_int_equal(a.accepted.events, 110);
    assert_int_equal(account_counts(&a).stored, 97);
    assert_int_equal(account_counts(&a).conflicts, 2);
    assert_int_equal(account_counts(&a).expired, 1);
    assert_int_equal(a.dead_messages, 2);
    assert_int_equal(a.dead_letters_left, 1);
    assert_int_equal(differences.total, 0);
}

/* Twenty of a kind are named, all are counted. */
static void test_named_and_counted(void **state UNUSED)
{
    struct differences d = { 0 };

    for (int i = 0; i < 100; i++)
        differences_add(&d, i % 2 ? "facebook" : NULL, "what", 1, "number %d", i);
    differences_add(&d, "facebook", "other", 7, "seven");
    assert_int_equal(d.total, 107);
    assert_int_equal(d.count, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(d.list[i].count, 50);
        assert_int_equal(d.list[i].named, DIFFERENCES_NAMED_MAX);
    }
    assert_null(d.list[0].source);
    assert_string_equal(d.list[1].source, "facebook");
    assert_non_null(strstr(d.list[1].names.ptr, "number 39\n"));
    assert_null(strstr(d.list[1].names.ptr, "number 41\n"));
    assert_int_equal(d.list[2].count, 7);
    differences_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_pruned_and_dead),
        cmocka_unit_test(test_named_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
