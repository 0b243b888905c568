#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gateway/gateway_metrics.h"
#include "gateway/minute.h"

struct fixture {
    struct metrics *metrics;
    struct gateway_metrics gm;
};

static int setup(void **state)
{
    static struct fixture f;

    f.metrics = metrics_new();
    gateway_metrics_init(&f.gm, f.metrics);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->metrics = metrics_free(f->metrics);
    return 0;
}

static void check_line(struct metrics *m, const char *line)
{
    _cleanup_strbuf_ struct strbuf out;

    strbuf_init(&out, 1 << 20);
    assert_int_equal(metrics_render(m, &out), 0);
    if (!strstr(out.ptr, line))
        fail_msg("no line '%s'", line);
}

static void failures_find_their_series(void **state)
{
    static const struct {
        int source, stage;
        const char *reason, *line;
    } rows[] = {
        { SOURCE_FACEBOOK, STAGE_TOP, "wrong_type",
          "{source=\"facebook\",funnel_stage=\"top\",reason=\"wrong_type\"} 3" },
        { SOURCE_TIKTOK, -1, "bad_format",
          "{source=\"tiktok\",funnel_stage=\"unknown\",reason=\"bad_format\"} 3" },
        { -1, STAGE_BOTTOM, "unreadable",
          "{source=\"unknown\",funnel_stage=\"bottom\",reason=\"unreadable\"} 3" },
        { 99, 99, "a new word",
          "{source=\"unknown\",funnel_stage=\"unknown\",reason=\"other\"} 3" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        gateway_metrics_failed(&f->gm, rows[i].source, rows[i].stage, rows[i].reason, 3);
        check_line(f->metrics, rows[i].line);
    }
}

static void each_failure_is_a_reason(void **state)
{
    struct fixture *f = *state;

    for (int failure = FAILURE_NONE + 1; failure < FAILURE_COUNT; failure++) {
        char line[200];

        gateway_metrics_lane_failed(&f->gm, lane_of(SOURCE_TIKTOK, STAGE_BOTTOM),
                                    (enum failure)failure, 2);
        (void)snprintf(line, sizeof(line),
                       "{source=\"tiktok\",funnel_stage=\"bottom\",reason=\"%s\"} 2",
                       failure_texts[failure].code);
        check_line(f->metrics, line);
    }
}

static void minutes_are_lines_of_json(void **state)
{
    struct fixture *f = *state;
    struct service service = { .name = "gateway", .instance = "host-1-2", .metrics = f->metrics };
    _cleanup_strbuf_ struct strbuf out;

    metric_add(f->gm.accepted[lane_of(SOURCE_FACEBOOK, STAGE_TOP)], 5);
    strbuf_init(&out, 256 * 1024);
    minute_render(&service, INT64_C(1769860800000000), &out);
    assert_int_equal(strbuf_error(&out), 0);
    assert_non_null(strstr(
        out.ptr,
        "{\"service\":\"gateway\",\"instance\":\"host-1-2\","
        "\"metric\":\"gateway_events_accepted_total{source=\\\"facebook\\\","
        "funnel_stage=\\\"top\\\"}\",\"minute\":\"2026-01-31T12:00:00.000Z\",\"value\":5}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(failures_find_their_series, setup, teardown),
        cmocka_unit_test_setup_teardown(each_failure_is_a_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(minutes_are_lines_of_json, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
