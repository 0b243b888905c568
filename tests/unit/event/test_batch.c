/* The wire format of a message: what is written, what is read back, what is a broken frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "event/batch.h"
#include "unit/event/padded.h"

#define WHEN INT64_C(1769860800123000) /* 2026-01-31T12:00:00.123Z */
#define CONTEXT(id, n)                                                                             \
    "{\"correlationId\":\"" id "\",\"receivedAt\":\"2026-01-31T12:00:00.123Z\",\"count\":     " n  \
    "}\n"

static void writer_event(struct batch_writer *w, const char *text)
{
    assert_int_equal(batch_writer_event(w, span_str(text)), 0);
}

static void test_writes_runs(void **state UNUSED)
{
    _cleanup_(batch_writer_release) struct batch_writer w;
    char digest[BATCH_DIGEST_BYTES], again[BATCH_DIGEST_BYTES];
    struct span payload;

    assert_int_equal(batch_writer_init(&w), 0);
    assert_int_equal(batch_writer_run(&w, SPAN("abc"), WHEN), 0);
    writer_event(&w, "{\"a\":1}");
    writer_event(&w, "{\"b\":2}");
    assert_int_equal(batch_writer_run(&w, SPAN("q\"\\"), WHEN), 0);
    writer_event(&w, "{}");
    assert_int_equal(w.events, 3);
    assert_int_equal(batch_writer_finish(&w, &payload, digest), 0);
    assert_true(span_eq(payload, SPAN(CONTEXT("abc", "2") "{\"a\":1}\n{\"b\":2}\n" CONTEXT(
                                     "q\\\"\\\\", "1") "{}\n")));

    /* The digest is of the event lines only: other requests, the same id. */
    batch_writer_reset(&w);
    assert_int_equal(w.events, 0);
    assert_int_equal(batch_writer_run(&w, SPAN("other"), WHEN + 1), 0);
    writer_event(&w, "{\"a\":1}");
    writer_event(&w, "{\"b\":2}");
    writer_event(&w, "{}");
    assert_int_equal(batch_writer_finish(&w, &payload, again), 0);
    assert_string_equal(digest, again);
    /* printf '{"a":1}\n{"b":2}\n{}\n' | sha256sum */
    assert_string_equal(digest, "68c7da9683208743d5f76cf096b0030787f205ea040bf238fff7e0342ac8deed");
}

/* Told before its events or behind them, of any run; no part of the digest. */
static void test_totals(void **state UNUSED)
{
    _cleanup_(batch_writer_release) struct batch_writer w;
    char digest[BATCH_DIGEST_BYTES];
    struct span payload;

    assert_int_equal(batch_writer_init(&w), 0);
    assert_int_equal(batch_writer_run(&w, SPAN("abc"), WHEN), 0);
    assert_int_equal(batch_writer_totals(&w, 1, 0), 0);
    writer_event(&w, "{\"a\":1}");
    assert_int_equal(batch_writer_run(&w, SPAN("none"), WHEN), 0);
    writer_event(&w, "{\"b\":2}");
    assert_int_equal(batch_writer_run(&w, SPAN("d"), WHEN), 0);
    writer_event(&w, "{}");
    assert_int_equal(batch_writer_totals(&w, 1234, 56), 0);
    assert_int_equal(batch_writer_finish(&w, &payload, digest), 0);
    assert_true(span_eq(
        payload,
        SPAN(CONTEXT("abc", "1,\"accepted\":1,\"rejected\":0") "{\"a\":1}\n" CONTEXT(
            "none", "1") "{\"b\":2}\n" CONTEXT("d",
                                               "1,\"accepted\":1234,\"rejected\":56") "{}\n")));
    assert_string_equal(digest, "68c7da9683208743d5f76cf096b0030787f205ea040bf238fff7e0342ac8deed");
}

static void test_reads_totals(void **state UNUSED)
{
    static const struct {
        const char *payload;
        int64_t accepted, rejected; /* accepted -2: a broken frame */
    } cases[] = {
        { CONTEXT("a", "1") "{}\n", -1, -1 },
        { CONTEXT("a", "1,\"accepted\":7,\"rejected\":0") "{}\n", 7, 0 },
        { CONTEXT("a", "1,\"accepted\":2147483647,\"rejected\":3") "{}\n", INT32_MAX, 3 },
        { CONTEXT("a", "1,\"accepted\":2147483648,\"rejected\":3") "{}\n", -2, 0 },
        { CONTEXT("a", "1,\"accepted\":1") "{}\n", -2, 0 },
        { CONTEXT("a", "1,\"accepted\":1,\"rejected\":") "{}\n", -2, 0 },
        { CONTEXT("a", "1,\"accepted\":1,\"rejected\":1,") "{}\n", -2, 0 },
        { CONTEXT("a", "1,") "{}\n", -2, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena arena;
        struct batch_reader r;
        struct span line;

        print_message("%s", cases[i].payload);
        arena_init(&arena, 4096, 1 << 20);
        batch_reader_init(&r, span_str(cases[i].payload), &arena);
        assert_int_equal(batch_reader_next(&r, &line), cases[i].accepted == -2 ? -EBADMSG : 1);
        if (cases[i].accepted == -2)
            continue;
        assert_int_equal(r.run.accepted, cases[i].accepted);
        assert_int_equal(r.run.rejected, cases[i].rejected);
    }
}

static void test_digest_is_reset(void **state UNUSED)
{
    _cleanup_(batch_writer_release) struct batch_writer w;
    char first[BATCH_DIGEST_BYTES], second[BATCH_DIGEST_BYTES];
    struct span payload;

    assert_int_equal(batch_writer_init(&w), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(batch_writer_run(&w, SPAN("x"), WHEN), 0);
        writer_event(&w, "{}");
        assert_int_equal(batch_writer_finish(&w, &payload, i ? second : first), 0);
        batch_writer_reset(&w);
        /* Thrown away half-way: must not show in what follows. */
        assert_int_equal(batch_writer_run(&w, SPAN("y"), WHEN), 0);
        writer_event(&w, "{\"gone\":1}");
        assert_int_equal(batch_writer_run(&w, SPAN("z"), WHEN), 0);
        batch_writer_reset(&w);
    }
    assert_string_equal(first, second);
}

static void test_never_passes_the_cap(void **state UNUSED)
{
    _cleanup_(batch_writer_release) struct batch_writer w;
    _cleanup_free_ char *event = malloc(BATCH_BYTES_MAX);
    struct span payload;
    char digest[BATCH_DIGEST_BYTES];

    assert_non_null(event);
    memset(event, 'x', BATCH_BYTES_MAX);
    assert_int_equal(batch_writer_init(&w), 0);
    assert_false(batch_writer_fits(&w, SIZE_MAX));
    assert_false(batch_writer_fits(&w, BATCH_BYTES_MAX));
    assert_true(batch_writer_fits(&w, 128 * 1024));
    for (int i = 0; batch_writer_fits(&w, 1000); i++) {
        char id[BATCH_CORRELATION_MAX];

        memset(id, '"', sizeof(id)); /* the longest context line */
        if (i % 3 == 0)
            assert_int_equal(batch_writer_run(&w, span_of(id, sizeof(id)), WHEN), 0);
        assert_int_equal(batch_writer_event(&w, span_of(event, 1000)), 0);
    }
    assert_true(w.events > 200);
    assert_int_equal(batch_writer_event(&w, span_of(event, BATCH_BYTES_MAX)), -ENOBUFS);
    assert_int_equal(batch_writer_finish(&w, &payload, digest), -ENOBUFS);
}

/* What fits is taken, to the byte, behind the longest context line. */
static void test_fits_tells_the_truth(void **state UNUSED)
{
    _cleanup_(batch_writer_release) struct batch_writer w;
    _cleanup_free_ char *event = malloc(BATCH_BYTES_MAX);
    char id[BATCH_CORRELATION_MAX], digest[BATCH_DIGEST_BYTES];
    struct span payload;
    size_t largest = BATCH_BYTES_MAX;

    assert_non_null(event);
    memset(event, 'x', BATCH_BYTES_MAX);
    memset(id, '"', sizeof(id));
    assert_int_equal(batch_writer_init(&w), 0);
    while (!batch_writer_fits(&w, largest))
        largest--;
    assert_int_equal(batch_writer_run(&w, span_of(id, sizeof(id)), WHEN + 1), 0);
    assert_int_equal(batch_writer_event(&w, span_of(event, largest)), 0);
    assert_int_equal(batch_writer_totals(&w, UINT32_MAX, UINT32_MAX), 0);
    assert_int_equal(batch_writer_finish(&w, &payload, digest), 0);
    assert_true(payload.len <= BATCH_BYTES_MAX);
}

struct line {
    const char *text, *correlation;
};

/* Reads a payload: its event lines and correlation ids must be `expected`; returns how it ended. */
static int read_all(struct span payload, const struct line *expected, size_t n)
{
    _cleanup_arena_ struct arena arena;
    struct batch_reader r;
    struct span line;
    size_t i = 0;
    int res;

    arena_init(&arena, 1024, 1 << 20);
    batch_reader_init(&r, payload, &arena);
    for (; (res = batch_reader_next(&r, &line)) > 0; i++) {
        assert_true(i < n);
        assert_true(span_eq(line, span_str(expected[i].text)));
        assert_true(span_eq(r.run.correlation_id, span_str(expected[i].correlation)));
        assert_true(r.run.received_usec == WHEN);
        assert_int_equal(r.index, i + 1);
    }
    assert_int_equal(i, n);
    return res;
}

static void test_reads(void **state UNUSED)
{
    static const struct {
        struct span payload;
        int result;
        struct line lines[3];
        size_t count;
    } cases[] = {
        { SPAN(""), 0, { { 0 } }, 0 },
        { SPAN(CONTEXT("a", "1") "{}\n"), 0, { { "{}", "a" } }, 1 },
        { SPAN(CONTEXT("a", "1") "{}"), 0, { { "{}", "a" } }, 1 },
        { SPAN(CONTEXT("", "2") "1\n\n" CONTEXT("q\\\"\\\\", "1") "3\n"),
          0,
          { { "1", "" }, { "", "" }, { "3", "q\"\\" } },
          3 },
        { SPAN(CONTEXT("a", "0") CONTEXT("b", "1") "x\n"), 0, { { "x", "b" } }, 1 },
        { SPAN(CONTEXT("a", "2") "{}\n"), -EBADMSG, { { "{}", "a" } }, 1 },
        { SPAN(CONTEXT("a", "1") "{}\n{}\n"), -EBADMSG, { { "{}", "a" } }, 1 },
        { SPAN("{}\n"), -EBADMSG, { { 0 } }, 0 },
        { SPAN("\n"), -EBADMSG, { { 0 } }, 0 },
        { SPAN("{\"correlationId\":\"a"), -EBADMSG, { { 0 } }, 0 },
        { SPAN("{\"correlationId\":\"a\\"), -EBADMSG, { { 0 } }, 0 },
        { SPAN("{\"correlationId\":\"a\",\"receivedAt\":\"x\",\"count\":1}\n{}"),
          -EBADMSG,
          { { 0 } },
          0 },
        { SPAN("{\"correlationId\":\"\\u0061\",\"receivedAt\":\"2026-01-31T12:00:00Z\",\"count\":1}"
               "\n{}"),
          -EBADMSG,
          { { 0 } },
          0 },
        { SPAN(
              "{\"correlationId\":\"a\",\"receivedAt\":\"2026-01-31T12:00:00Z\",\"count\":-1}\n{}"),
          -EBADMSG,
          { { 0 } },
          0 },
        { SPAN("{\"correlationId\":\"a\",\"receivedAt\":\"2026-01-31T12:00:00Z\",\"count\":1\n{}"),
          -EBADMSG,
          { { 0 } },
          0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(read_all(cases[i].payload, cases[i].lines, cases[i].count),
                         cases[i].result);
}

static void test_correlation_id_has_a_limit(void **state UNUSED)
{
    for (int len = BATCH_CORRELATION_MAX; len <= BATCH_CORRELATION_MAX + 1; len++) {
        _cleanup_free_ char *id = calloc(1, (size_t)len + 1);
        char payload[512];
        struct line line = { "x", id };
        bool good = len == BATCH_CORRELATION_MAX;

        assert_non_null(id);
        memset(id, 'i', (size_t)len);
        (void)snprintf(payload, sizeof(payload), CONTEXT("%s", "1") "x\n", id);
        assert_int_equal(read_all(span_str(payload), &line, good), good ? 0 : -EBADMSG);
    }
}

static void test_round_trip(void **state UNUSED)
{
    static const struct line lines[] = { { "{\"a\":1}", "a" }, { "[]", "a" }, { "3", "b c" } };
    _cleanup_(batch_writer_release) struct batch_writer w;
    char digest[BATCH_DIGEST_BYTES];
    struct span payload;

    assert_int_equal(batch_writer_init(&w), 0);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        if (i == 0 || lines[i].correlation != lines[i - 1].correlation)
            assert_int_equal(batch_writer_run(&w, span_str(lines[i].correlation), WHEN), 0);
        writer_event(&w, lines[i].text);
    }
    assert_int_equal(batch_writer_finish(&w, &payload, digest), 0);
    assert_int_equal(read_all(payload, lines, ARRAY_SIZE(lines)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_runs),
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_reads_totals),
        cmocka_unit_test(test_digest_is_reset),
        cmocka_unit_test(test_never_passes_the_cap),
        cmocka_unit_test(test_fits_tells_the_truth),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_correlation_id_has_a_limit),
        cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
