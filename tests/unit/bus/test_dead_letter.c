#include "bus/dead_letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

static struct span header(const struct dead_letter_message *m, const char *name)
{
    for (size_t i = 0; i < m->message.header_count; i++)
        if (strcmp(m->headers[i].name, name) == 0)
            return m->headers[i].value;
    return SPAN_NONE;
}

static void test_all_fields(UNUSED void **state)
{
    const struct dead_letter letter = {
        .source = "tiktok",
        .bytes = SPAN("{\"eventId\":1}"),
        .reason = "invalid_event",
        .detail = "expected a string",
        .pointer = "/eventId",
        .correlation_id = SPAN("abc"),
        .origin = "gateway",
        .index = 4294967295u,
        .received_usec = 0,
        .msg_id = "S/1/2/3",
    };
    static const struct {
        const char *name, *value;
    } want[] = {
        { DLQ_HEADER_REASON, "invalid_event" },
        { DLQ_HEADER_DETAIL, "expected a string" },
        { DLQ_HEADER_POINTER, "/eventId" },
        { DLQ_HEADER_CORRELATION, "abc" },
        { DLQ_HEADER_ORIGIN, "gateway" },
        { DLQ_HEADER_INDEX, "4294967295" },
        { DLQ_HEADER_BYTES, "13" },
    };
    struct dead_letter_message m;
    int64_t received;

    dead_letter_message_of(&letter, &m);
    assert_string_equal(m.message.subject, "dlq.tiktok");
    assert_string_equal(m.message.msg_id, "S/1/2/3");
    assert_true(span_eq(m.message.payload, letter.bytes));
    assert_int_equal(m.message.header_count, 8);
    for (size_t i = 0; i < ARRAY_SIZE(want); i++)
        assert_true(span_eq(header(&m, want[i].name), span_str(want[i].value)));
    assert_int_equal(timestamp_parse(header(&m, DLQ_HEADER_RECEIVED), &received), 0);
    assert_int_equal(received, 0);
}

static void test_subjects(UNUSED void **state)
{
    static const struct {
        struct dead_letter letter;
        const char *subject;
    } cases[] = {
        { { .source = "facebook" }, "dlq.facebook" },
        { { .source = NULL }, "dlq.unknown" },
        { { .unreadable = true, .source = "facebook" }, BUS_UNREADABLE_SUBJECT },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dead_letter_message m;

        dead_letter_message_of(&cases[i].letter, &m);
        assert_string_equal(m.message.subject, cases[i].subject);
        assert_null(m.message.msg_id);
        assert_null(header(&m, DLQ_HEADER_REASON).ptr); /* what is missing is left out */
    }
}

static void test_cut(UNUSED void **state)
{
    _cleanup_free_ char *bytes = calloc(1, DEAD_LETTER_BYTES_MAX + 1);
    struct dead_letter letter = { .bytes = { bytes, DEAD_LETTER_BYTES_MAX + 1 } };
    struct dead_letter_message m;

    dead_letter_message_of(&letter, &m);
    assert_int_equal(m.message.payload.len, DEAD_LETTER_BYTES_MAX);
    assert_true(span_eq(header(&m, DLQ_HEADER_BYTES), SPAN("524289")));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all_fields),
                                        cmocka_unit_test(test_subjects),
                                        cmocka_unit_test(test_cut) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
