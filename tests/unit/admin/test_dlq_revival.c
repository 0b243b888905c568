/* From a dead letter to the message that brings its event back. */
#include "admin/dlq/revival.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define NOON (INT64_C(1769860800) * USEC_PER_SEC) /* 2026-01-31T12:00:00Z */
#define EVENT(id, time)                                                                            \
    "{\"eventId\":\"" id "\",\"timestamp\":\"" time "\",\"source\":\"tiktok\","                    \
    "\"funnelStage\":\"bottom\",\"eventType\":\"follow\",\"data\":{\"user\":{\"userId\":\"u\","    \
    "\"username\":\"n\",\"followers\":1}}}"
#define GOOD EVENT("e", "2026-01-31T12:00:00Z")

static int revive(struct revival *v, const char *bytes, struct letter letter, struct revived *ret,
                  struct revival_fault *ret_fault)
{
    struct bus_delivery d = { .payload = span_str(bytes) };

    letter.delivery = &d;
    letter.seq = 17;
    letter.stored_nsec = NOON * 1000 + 5;
    return revival_of(v, &letter, NOON, ret, ret_fault);
}

static int setup(void **state)
{
    static struct revival v;

    *state = &v;
    return revival_init(&v, 1024);
}

static int teardown(void **state)
{
    revival_release(*state);
    return 0;
}

static void test_message(void **state)
{
    struct revival_fault fault;
    struct revived r;

    assert_int_equal(
        revive(*state, GOOD,
               (struct letter){ .correlation_id = "c-1", .received = "2026-01-30T00:00:00Z" }, &r,
               &fault),
        0);
    assert_string_equal(r.subject, "events.tiktok.bottom");
    assert_string_equal(r.msg_id, "requeue/17/1769860800000000005");
    assert_true(
        span_eq(r.payload, SPAN("{\"correlationId\":\"c-1\",\"receivedAt\":"
                                "\"2026-01-30T00:00:00.000Z\",\"count\":     1}\n" GOOD "\n")));
}

/* What a letter lacks, or has in a form that no message may carry. */
static void test_context_is_made_up(void **state)
{
    static const char *const ids[] = { "", "with\ttab", "\xc3\xbc" };
    struct revival_fault fault;
    struct revived r;

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        const struct letter letter = { .correlation_id = ids[i], .received = "yesterday" };

        assert_int_equal(revive(*state, GOOD, letter, &r, &fault), 0);
        assert_true(strncmp(r.payload.ptr,
                            "{\"correlationId\":\"requeued\",\"receivedAt\":"
                            "\"2026-01-31T12:00:00.000Z\",",
                            68) == 0);
    }
}

static void test_line_ends(void **state)
{
    const struct letter letter = { .correlation_id = "c", .received = "" };
    struct revival_fault fault;
    struct revived r;
    size_t lines = 0;

    assert_int_equal(revive(*state, "\r\n " GOOD "\n\r", letter, &r, &fault), 0);
    for (size_t i = 0; i < r.payload.len; i++)
        lines += r.payload.ptr[i] == '\n';
    assert_int_equal(lines, 2);
}

static void test_what_stays(void **state)
{
    char large[2048];
    const struct {
        const char *bytes;
        bool cut;
        const char *pointer, *detail;
    } cases[] = {
        { "", false, "", "" },
        { "{\"eventId\":1}", false, "/eventId", "expected a string" },
        { EVENT("e", "2026-02-02T12:00:00Z"), false, "/timestamp", "" }, /* not yet */
        { GOOD, true, "", "too large to be kept whole" },
        { GOOD GOOD, false, "", "" },
        { large, false, "", "" },
    };

    memset(large, ' ', sizeof(large));
    memcpy(large, "[", 1);
    memcpy(large + sizeof(large) - 2, "]", 2);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct revival_fault fault = { 0 };
        struct revived r;

        print_message("case %zu\n", i);
        assert_int_equal(
            revive(*state, cases[i].bytes,
                   (struct letter){ .correlation_id = "c", .received = "", .cut = cases[i].cut },
                   &r, &fault),
            -EBADMSG);
        assert_string_equal(fault.pointer, cases[i].pointer);
        assert_non_null(strstr(fault.detail, cases[i].detail));
    }
    /* and the next one is as good as ever */
    test_message(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_context_is_made_up),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_what_stays),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
