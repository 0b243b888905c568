/* The page at several sizes: what stands on it, and that nothing leaves it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "admin/top/screen.h"
#include "base/clock.h"
#include "base/macros.h"

#define NOW (INT64_C(1769860801) * USEC_PER_SEC)

static struct sample sample;
static struct model model;
static struct screen_options options;

static void add_process(const char *name, const char *state, const char *reason)
{
    struct model_process *row = &model.processes[model.process_count];
    struct sample_process *p = &sample.processes[model.process_count++];

    (void)snprintf(p->name, sizeof(p->name), "%s", name);
    (void)snprintf(p->state, sizeof(p->state), "%s", state);
    (void)snprintf(p->reason, sizeof(p->reason), "%s", reason);
    p->port = 3000;
    p->pid = 4711;
    *row = (struct model_process){ .process = p,
                                   .fine = strcmp(state, "ready") == 0,
                                   .cpu = 0.25,
                                   .memory_bytes = 12 << 20,
                                   .rate = NAN };
    model.not_fine += !row->fine;
}

static int set_up(UNUSED void **state)
{
    sample = (struct sample){ .running = true, .wall_usec = NOW };
    model_make(&model, NULL, &sample);
    model.all.in = 1234;
    model.all.stored = 999999;
    model.all.lag_messages = 123456;
    model.all.p99_seconds = 45;
    model.source[SOURCE_TIKTOK].in = 0.5;
    model.totals.in = 123456789;
    add_process("gateway", "ready", "");
    model.processes[0].rate = 1234;
    model.processes[0].does = "/s in";
    add_process("fb-collector", "backoff", "it ended with exit status 1");
    options = (struct screen_options){ .about = "/tmp/x",
                                       .interval_usec = 2 * USEC_PER_SEC,
                                       .complaints_max = COMPLAINTS_MAX };
    return 0;
}

/* The whole page as text. */
static const char *draw(unsigned width, unsigned height)
{
    static char text[CANVAS_WIDTH_MAX * 60];
    _cleanup_canvas_ struct canvas c = { 0 };
    _cleanup_strbuf_ struct strbuf out;
    unsigned rows;

    strbuf_init(&out, sizeof(text) - 1);
    assert_int_equal(canvas_init(&c, width, height), 0);
    rows = screen_draw(&c, &model, &options);
    assert_true(rows <= height);
    for (unsigned row = 0; row < c.height; row++) {
        size_t before = out.len;

        canvas_text(&c, row, &out);
        assert_true(out.len - before <= width);
        assert_true(row < rows || out.len == before);
        (void)strbuf_addc(&out, '\n');
    }
    (void)snprintf(text, sizeof(text), "%s", out.ptr ? out.ptr : "");
    return text;
}

static void assert_has(const char *page, const char *what)
{
    if (!strstr(page, what))
        fail_msg("'%s' is missing in\n%s", what, page);
}

static void assert_has_not(const char *page, const char *what)
{
    if (strstr(page, what))
        fail_msg("'%s' should not stand in\n%s", what, page);
}

static void at_80_by_24(UNUSED void **state)
{
    assert_string_equal(
        draw(80, 24),
        "sluice top  /tmp/x                                       every 2 s  12:00:01 UTC\n"
        "EVENTS/S        IN   STORED    DUPL  FAILED   DEAD     LAG  BEHIND      P99\n"
        "all          1,234  999,999       -       -      - 123,456       -     45 s\n"
        "facebook         -        -       -       -      -       -       -        -\n"
        "tiktok         0.5        -       -       -      -       -       -        -\n"
        "total      123.46M        -       -       -      -\n"
        "PROCESS         STATE          PORT      PID      CPU   MEMORY\n"
        "gateway         ready          3000     4711     25 %   12 MiB  1,234/s in\n"
        "fb-collector    backoff        3000     4711     25 %   12 MiB\n"
        "  it ended with exit status 1\n"
        "LAST ERRORS AND WARNINGS\n"
        "none\n\n\n\n\n\n\n\n\n\n\n\n\n");
}

static void columns_come_with_the_width(UNUSED void **state)
{
    static const struct {
        unsigned width;
        const char *titles;
    } cases[] = {
        { 60, "EVENTS/S        IN   STORED  FAILED   DEAD     LAG      P99\n" },
        { 68, "EVENTS/S        IN   STORED  FAILED   DEAD     LAG  BEHIND      P99\n" },
        { 104, "EVENTS/S        IN   STORED    DUPL  FAILED   DEAD     LAG     BYTES  BEHIND      "
               "P50      P99  STREAM\n" },
        { 300, "EVENTS/S        IN   STORED    DUPL  FAILED   DEAD     LAG     BYTES  BEHIND      "
               "P50      P99  STREAM\n" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_has(draw(cases[i].width, 24), cases[i].titles);
    assert_has(draw(60, 24), "fb-collector    backoff        25 %   12 MiB\n");
}

static void no_size_is_too_small_or_too_large(UNUSED void **state)
{
    static const unsigned sizes[] = { 1, 2, 3, 7, 20, 60, 80, 1000 };

    for (size_t w = 0; w < ARRAY_SIZE(sizes); w++)
        for (unsigned height = 1; height < 50; height++) {
            (void)draw(sizes[w], height);
            options.help = !options.help;
        }
    assert_has(draw(2000, 10), "sluice top"); /* cut to the largest */
}

/* Where not all fit, those that are not ready do. */
static void a_low_page_keeps_what_is_wrong(UNUSED void **state)
{
    const char *page;

    for (int i = 0; i < 20; i++)
        add_process("reporter", "ready", "");
    add_process("ttk-collector", "unready", "the database is away");
    page = draw(80, 18);
    assert_has(page, "fb-collector ");
    assert_has(page, "ttk-collector ");
    assert_has(page, "the database is away");
    assert_has(page, " more: a taller window has them");
    assert_has(page, "LAST ERRORS AND WARNINGS");
    page = draw(80, 50);
    assert_has_not(page, " more");
    assert_true(strstr(page, "gateway ") < strstr(page, "fb-collector "));
}

/* A long reason goes on below, three rows at most. */
static void reasons_are_wrapped(UNUSED void **state)
{
    char *reason = sample.processes[1].reason;

    (void)snprintf(reason, TARGET_REASON_MAX, "%.*s", 18, "one two three four five");
    assert_has(draw(20, 40), "\n  one two three four\n\nLAST");
    (void)snprintf(reason, TARGET_REASON_MAX, "%s", "one two three four five");
    assert_has(draw(20, 40), "\n  one two three four\n   five\n");
    memset(reason, 'x', 200);
    reason[200] = '\0';
    assert_has(draw(20, 40),
               "\n  xxxxxxxxxxxxxxxxxx\n  xxxxxxxxxxxxxxxxxx\n  xxxxxxxxxxxxxxxxxx\n");
    assert_has_not(draw(20, 40),
                   "xxx\n  xxxxxxxxxxxxxxxxxx\n  xxxxxxxxxxxxxxxxxx\n  xxxxxxxxxxxxxxxxxx");
}

static void what_is_missing_is_marked(UNUSED void **state)
{
    model.partial = true;
    assert_has(draw(80, 24), "all ?        1,234");
    assert_has(draw(80, 24), "total ?    123.46M");
}

static void complaints_are_shown(UNUSED void **state)
{
    const char *page;

    sample.complaints.count = 2;
    sample.complaints.list[0] = (struct complaint){ .name = "gateway",
                                                    .error = true,
                                                    .wall_usec = NOW - 1,
                                                    .times = 12,
                                                    .text = "no \x1b[2J room" };
    sample.complaints.list[1] = (struct complaint){ .name = "postgres",
                                                    .wall_usec = NOW - 2 * USEC_PER_DAY,
                                                    .times = 1,
                                                    .text = "gr\xc3\xbc\xc3\x9f" };
    page = draw(80, 24);
    assert_has(page, "12:00:00 gateway         12 times: no ?[2J room\n");
    assert_has(page, "01-29    postgres        gr??\n");
    options.complaints_max = 1;
    assert_has_not(draw(80, 24), "postgres");
    (void)snprintf(sample.complaints.why, sizeof(sample.complaints.why), "not readable");
    assert_has(draw(80, 24), "LAST ERRORS AND WARNINGS\nnot readable\n");
}

static void when_nothing_runs_it_says_why(UNUSED void **state)
{
    const char *page;

    model.running = false;
    model.why = "nothing runs in /tmp/x";
    page = draw(60, 10);
    assert_has(page, "\nnothing runs in /tmp/x\n");
    assert_has_not(page, "PROCESS");
}

static void paused_and_help_are_seen(UNUSED void **state)
{
    options.paused = true;
    assert_has(draw(80, 24), "PAUSED, every 2 s  12:00:01 UTC\n");
    options.help = true;
    assert_has(draw(60, 24), "q, Ctrl-C    leaves\n");
    assert_has(draw(60, 24), "CPU          100 % is one processor\n");
}

/* Colours mean: something is wrong. */
static void colours_are_for_what_is_wrong(UNUSED void **state)
{
    _cleanup_canvas_ struct canvas c = { 0 };

    assert_int_equal(canvas_init(&c, 80, 24), 0);
    (void)screen_draw(&c, &model, &options);
    assert_int_equal(c.styles[2 * 80 + 74], STYLE_BAD);   /* P99 of 45 s */
    assert_int_equal(c.styles[2 * 80 + 15], STYLE_PLAIN); /* events in */
    assert_int_equal(c.styles[7 * 80 + 16], STYLE_GOOD);  /* ready */
    assert_int_equal(c.styles[8 * 80 + 16], STYLE_BAD);   /* backoff */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(at_80_by_24, set_up),
        cmocka_unit_test_setup(columns_come_with_the_width, set_up),
        cmocka_unit_test_setup(no_size_is_too_small_or_too_large, set_up),
        cmocka_unit_test_setup(a_low_page_keeps_what_is_wrong, set_up),
        cmocka_unit_test_setup(reasons_are_wrapped, set_up),
        cmocka_unit_test_setup(what_is_missing_is_marked, set_up),
        cmocka_unit_test_setup(complaints_are_shown, set_up),
        cmocka_unit_test_setup(when_nothing_runs_it_says_why, set_up),
        cmocka_unit_test_setup(paused_and_help_are_seen, set_up),
        cmocka_unit_test_setup(colours_are_for_what_is_wrong, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
