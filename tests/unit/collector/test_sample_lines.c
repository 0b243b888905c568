/* Lines of metric samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/clock.h"
#include "collector/sample_lines.h"

#define LINE(value)                                                                                \
    "{\"service\":\"gateway\",\"instance\":\"i\",\"metric\":\"m{a=\\\"b\\\"}\",\"minute\":"        \
    "\"2026-01-31T12:05:00.000Z\",\"value\":" value "}\n"

static void test_read(void **state UNUSED)
{
    static const struct {
        const char *lines;
        size_t rows;
        uint32_t bad;
    } cases[] = {
        { "", 0, 0 },
        { "\n\n", 0, 0 },
        { LINE("1") LINE("2.5"), 2, 0 },
        { LINE("1") "rubbish\n" LINE("3"), 2, 1 },
        { LINE("\"1\""), 0, 1 },
        { LINE("null"), 0, 1 },
        { "[]\n", 0, 1 },
        { "{\"service\":\"gateway\"}", 0, 1 },
    };
    struct sample_rows r;

    assert_int_equal(sample_rows_init(&r), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(sample_rows_read(&r, span_str(cases[i].lines)), 0);
        assert_int_equal(r.count, cases[i].rows);
        assert_int_equal(r.bad, cases[i].bad);
    }
    sample_rows_release(&r);
}

static void test_written_is_read_again(void **state UNUSED)
{
    struct service s = { .name = "fb-collector", .instance = "host-1-2" };
    _cleanup_strbuf_ struct strbuf lines;
    struct metric_counter *c;
    struct sample_rows r;

    s.metrics = metrics_new();
    c = metrics_counter(s.metrics, "x_total", "help", "a=\"b\"");
    metric_add(c, 7);
    strbuf_init(&lines, SAMPLE_LINES_BYTES_MAX);
    sample_lines_write(&lines, &s, 120 * USEC_PER_SEC);
    assert_int_equal(sample_rows_init(&r), 0);
    assert_int_equal(sample_rows_read(&r, strbuf_span(&lines)), 0);
    assert_int_equal(r.bad, 0);
    assert_int_equal(r.count, 1);
    assert_true(span_eq(r.rows[0].service, SPAN("fb-collector")));
    assert_true(span_eq(r.rows[0].instance, SPAN("host-1-2")));
    assert_true(span_eq(r.rows[0].metric, SPAN("x_total{a=\"b\"}")));
    assert_int_equal(r.rows[0].minute_usec, 120 * USEC_PER_SEC);
    assert_true(r.rows[0].value >= 7 && r.rows[0].value <= 7);
    sample_rows_release(&r);
    s.metrics = metrics_free(s.metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_written_is_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
