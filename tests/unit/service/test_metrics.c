#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "service/metrics.h"

#define RENDERED_MAX (256 * 1024)

static void renders_each_type(void **state)
{
    static const double bounds[] = { 0.5, 1, 2.5 };
    static const char expected[] = "# HELP a_total Counts \\\\ and\\na line.\n"
                                   "# TYPE a_total counter\n"
                                   "a_total{x=\"1\"} 3\n"
                                   "a_total{x=\"2\"} 0\n"
                                   "# HELP b A gauge.\n"
                                   "# TYPE b gauge\n"
                                   "b 0.1\n"
                                   "# HELP c_seconds A histogram.\n"
                                   "# TYPE c_seconds histogram\n"
                                   "c_seconds_bucket{r=\"x\",le=\"0.5\"} 1\n"
                                   "c_seconds_bucket{r=\"x\",le=\"1\"} 2\n"
                                   "c_seconds_bucket{r=\"x\",le=\"2.5\"} 2\n"
                                   "c_seconds_bucket{r=\"x\",le=\"+Inf\"} 3\n"
                                   "c_seconds_sum{r=\"x\"} 11.5\n"
                                   "c_seconds_count{r=\"x\"} 3\n";
    _cleanup_(metrics_freep) struct metrics *m = metrics_new();
    struct metric_counter *a = metrics_counter(m, "a_total", "Counts \\ and\na line.", "x=\"1\"");
    struct metric_gauge *b = metrics_gauge(m, "b", "A gauge.", NULL);
    struct metric_histogram *c =
        metrics_histogram(m, "c_seconds", "A histogram.", "r=\"x\"", bounds, 3);
    _cleanup_strbuf_ struct strbuf out;

    (void)state;
    strbuf_init(&out, RENDERED_MAX);
    (void)metrics_counter(m, "a_total", "Counts.", "x=\"2\"");
    metric_add(a, 1);
    metric_add(a, 2);
    metric_set(b, 0.1);
    metric_observe(c, 0.5); /* a bound belongs to its bucket */
    metric_observe(c, 1);
    metric_observe(c, 10);
    assert_return_code(metrics_render(m, &out), 0);
    assert_string_equal(out.ptr, expected);
    assert_int_equal(metric_counter_value(a), 3);
}

static double read_value(void *ctx)
{
    return *(const double *)ctx;
}

static void renders_numbers(void **state UNUSED)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0, "v 0\n" },
        { -1.5, "v -1.5\n" },
        { 9007199254740993.0, "v 9007199254740992\n" },
        { 1e21, "v 1e+21\n" },
        { NAN, "v NaN\n" },
        { INFINITY, "v +Inf\n" },
        { -INFINITY, "v -Inf\n" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(metrics_freep) struct metrics *m = metrics_new();
        _cleanup_strbuf_ struct strbuf out;
        double value = cases[i].value;

        strbuf_init(&out, RENDERED_MAX);
        metrics_gauge_fn(m, "v", "V.", NULL, read_value, &value);
        assert_return_code(metrics_render(m, &out), 0);
        assert_non_null(strstr(out.ptr, cases[i].text));
    }
}

static void render_fails_past_the_cap(void **state UNUSED)
{
    _cleanup_(metrics_freep) struct metrics *m = metrics_new();
    _cleanup_strbuf_ struct strbuf out;

    strbuf_init(&out, 32);
    metrics_add_process(m, "test");
    assert_true(metrics_render(m, &out) < 0);
}

static void *add_many(void *arg)
{
    void **handles = arg;

    for (int i = 0; i < 10000; i++) {
        metric_add(handles[0], 1);
        metric_observe(handles[1], 0.25);
    }
    return NULL;
}

static void threads_lose_nothing(void **state UNUSED)
{
    _cleanup_(metrics_freep) struct metrics *m = metrics_new();
    void *handles[] = {
        metrics_counter(m, "a_total", "A.", NULL),
        metrics_histogram(m, "h_seconds", "H.", NULL, metrics_latency_bounds,
                          metrics_latency_bounds_count),
    };
    _cleanup_strbuf_ struct strbuf out;
    pthread_t threads[12]; /* more than slots */

    strbuf_init(&out, RENDERED_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, handles), 0);
    assert_return_code(metrics_render(m, &out), 0); /* while they count */
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        (void)pthread_join(threads[i], NULL);
    strbuf_reset(&out);
    assert_return_code(metrics_render(m, &out), 0);
    assert_int_equal(metric_counter_value(handles[0]), 120000);
    assert_non_null(strstr(out.ptr, "h_seconds_sum 30000\n"));
    assert_non_null(strstr(out.ptr, "h_seconds_count 120000\n"));
}

static void collect(void *ctx, const char *series, double value)
{
    (void)strbuf_addf(ctx, "%s %g;", series, value);
}

static void each_series(void **state UNUSED)
{
    static const double bounds[] = { 1 };
    _cleanup_(metrics_freep) struct metrics *m = metrics_new();
    _cleanup_strbuf_ struct strbuf out;

    strbuf_init(&out, 1024);
    metric_add(metrics_counter(m, "a_total", "A.", "x=\"1\""), 4);
    metric_set(metrics_gauge(m, "b", "B.", NULL), 2.5);
    metric_observe(metrics_histogram(m, "h_bytes", "H.", "y=\"z\"", bounds, 1), 3);
    metrics_each(m, collect, &out);
    assert_string_equal(out.ptr, "a_total{x=\"1\"} 4;b 2.5;h_bytes_count{y=\"z\"} 1;"
                                 "h_bytes_sum{y=\"z\"} 3;");
}

static double value_of(const struct strbuf *out, const char *series)
{
    const char *at = strstr(out->ptr, series);

    assert_non_null(at);
    return strtod(at + strlen(series), NULL);
}

static void process_figures(void **state UNUSED)
{
    _cleanup_(metrics_freep) struct metrics *m = metrics_new();
    _cleanup_strbuf_ struct strbuf out;

    strbuf_init(&out, RENDERED_MAX);
    metrics_add_process(m, "test");
    assert_return_code(metrics_render(m, &out), 0);
    assert_true(value_of(&out, "\nprocess_resident_memory_bytes ") > 100000);
    assert_true(value_of(&out, "\nprocess_virtual_memory_bytes ") > 100000);
    assert_true(value_of(&out, "\nprocess_open_fds ") >= 3);
    assert_true(value_of(&out, "\nprocess_max_fds ") >= 64);
    assert_true(value_of(&out, "\nprocess_threads ") >= 1);
    assert_true(value_of(&out, "\nprocess_cpu_seconds_total ") > 0);
    assert_true(value_of(&out, "\nprocess_start_time_seconds ") > 1.6e9);
    assert_true(value_of(&out, "\nsluice_filesystem_size_bytes ") > 0);
    assert_true(value_of(&out, "\nsluice_filesystem_free_bytes ") <=
                value_of(&out, "\nsluice_filesystem_size_bytes "));
    assert_non_null(
        strstr(out.ptr, "\nsluice_build_info{version=\"" SLUICE_VERSION "\",role=\"test\"} 1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_each_type),
        cmocka_unit_test(renders_numbers),
        cmocka_unit_test(render_fails_past_the_cap),
        cmocka_unit_test(threads_lose_nothing),
        cmocka_unit_test(each_series),
        cmocka_unit_test(process_figures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
