/* Stored dead letters: what is read of them, which are wanted, how they are counted. */
#include "bus/letter.h"

#include "bus/dead_letter.h"
#include "unit/bus/bus_fixture.h"

static struct bus_delivery *stored(struct fixture *f, const struct dead_letter *letter)
{
    struct dead_letter_message m;
    struct bus_delivery *d = NULL;
    struct bus_result result;

    dead_letter_message_of(letter, &m);
    assert_int_equal(bus_publish_sync(f->bus, &m.message, 5 * USEC_PER_SEC, &result), 0);
    assert_int_equal(
        bus_stored_get(f->bus, letter->unreadable ? "BODIES" : "DLQ", result.seq, &d, &f->err), 0);
    return d;
}

static int setup(void **state)
{
    int r = fixture_setup(state);

    if (r == 0) {
        fixture_stream(*state, "DLQ", BUS_DLQ_PREFIX ">", 1 << 24);
        fixture_stream(*state, "BODIES", BUS_UNREADABLE_PREFIX ">", 1 << 24);
    }
    return r;
}

static void test_all_fields(void **state)
{
    const struct dead_letter sent = {
        .source = "tiktok",
        .bytes = SPAN("{\"eventId\":1}"),
        .reason = "wrong_type",
        .detail = "expected a string",
        .pointer = "/eventId",
        .correlation_id = SPAN("abc"),
        .origin = "TIKTOK_EVENTS/7/8",
        .index = 4294967295u,
        .received_usec = INT64_C(1769860800000000),
    };
    struct bus_delivery *d = stored(*state, &sent);
    _cleanup_strbuf_ struct strbuf out;
    struct letter letter;
    struct json_out j;
    char want[512];

    letter_of(d, &letter);
    assert_string_equal(letter.source, "tiktok");
    assert_int_equal(letter.bytes, 13);
    assert_false(letter.cut);
    strbuf_init(&out, 4096);
    json_out_init(&j, &out);
    json_object(&j);
    letter_write(&letter, &j);
    json_object_end(&j);
    (void)snprintf(
        want, sizeof(want),
        "\"receivedAt\":\"2026-01-31T12:00:00.000Z\",\"source\":\"tiktok\",\"reason\":"
        "\"wrong_type\",\"pointer\":\"/eventId\",\"detail\":\"expected a string\","
        "\"correlationId\":\"abc\",\"origin\":\"TIKTOK_EVENTS/7/8\",\"index\":4294967295,"
        "\"bytes\":13}");
    assert_non_null(strstr(out.ptr, want));
    bus_delivery_free(d);
}

static void test_what_is_missing(void **state)
{
    const struct dead_letter sent = { .unreadable = true, .bytes = SPAN("x"), .reason = "r" };
    struct bus_delivery *d = stored(*state, &sent);
    _cleanup_strbuf_ struct strbuf out;
    struct letter letter;
    struct json_out j;

    letter_of(d, &letter);
    assert_string_equal(letter.source, "");
    assert_string_equal(letter.detail, "");
    strbuf_init(&out, 4096);
    json_out_init(&j, &out);
    letter_write(&letter, &j);
    assert_non_null(strstr(out.ptr, "\"source\":null,\"reason\":\"r\",\"pointer\":\"\","
                                    "\"detail\":null,\"correlationId\":null,\"origin\":null"));
    bus_delivery_free(d);
}

static void test_cut(void **state)
{
    _cleanup_free_ char *bytes = calloc(1, DEAD_LETTER_BYTES_MAX + 1);
    const struct dead_letter sent = { .bytes = { bytes, DEAD_LETTER_BYTES_MAX + 1 } };
    struct bus_delivery *d = stored(*state, &sent);
    struct letter letter;

    letter_of(d, &letter);
    assert_string_equal(letter.source, "unknown");
    assert_int_equal(letter.bytes, DEAD_LETTER_BYTES_MAX + 1);
    assert_true(letter.cut);
    bus_delivery_free(d);
}

static void test_matches(void **state)
{
    static const struct {
        struct letter_filter filter;
        bool matches;
    } cases[] = {
        { { 0 }, true },
        { { .source = "facebook" }, true },
        { { .source = "face" }, false },
        { { .reason = "wrong_type" }, true },
        { { .reason = "Wrong_type" }, false },
        { { .correlation_id = "c" }, true },
        { { .correlation_id = "" }, false },
        { { .from_nsec = 100 }, true },
        { { .from_nsec = 101 }, false },
        { { .to_nsec = 101 }, true },
        { { .to_nsec = 100 }, false },
        { { .source = "facebook", .reason = "wrong_type", .correlation_id = "c" }, true },
        { { .source = "facebook", .reason = "wrong_type", .correlation_id = "d" }, false },
    };
    const struct letter letter = {
        .source = "facebook", .reason = "wrong_type", .correlation_id = "c", .stored_nsec = 100
    };
    char buf[LETTER_SUBJECT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(letter_matches(&letter, &cases[i].filter), cases[i].matches);
    assert_null(letter_subject(&cases[0].filter, buf));
    assert_string_equal(letter_subject(&cases[1].filter, buf), "dlq.facebook");
}

static void test_counts(void **state)
{
    static struct letter_counts counts;
    _cleanup_strbuf_ struct strbuf out;
    struct json_out j;

    (void)state;
    for (int i = 0; i < 6; i++)
        letter_count(&counts, &(struct letter){ .source = i < 2   ? "a"
                                                          : i < 5 ? "b"
                                                                  : "",
                                                .reason = "r" });
    for (int i = 0; i < 100; i++) {
        char reason[16];

        (void)snprintf(reason, sizeof(reason), "reason%d", i);
        letter_count(&counts, &(struct letter){ .source = "c", .reason = reason });
    }
    letter_counts_sort(&counts);
    assert_int_equal(counts.total, 106);
    strbuf_init(&out, 4096);
    json_out_init(&j, &out);
    letter_tally_write(&counts.by_source, &j);
    assert_string_equal(out.ptr, "{\"c\":100,\"b\":3,\"a\":2,\"unknown\":1}");
    assert_int_equal(counts.by_reason.kind_count, LETTER_KINDS_MAX);
    assert_int_equal(counts.by_reason.kinds[0].count, 6);
    assert_int_equal(counts.by_reason.others, 101 - LETTER_KINDS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_fields), cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_cut),        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_counts),
    };

    return cmocka_run_group_tests(tests, setup, fixture_teardown);
}
