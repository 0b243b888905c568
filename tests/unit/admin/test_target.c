/* What is read of `sluice status --json` and of stack.env. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "admin/target.h"
#include "event/json.h"

static int parse(struct target *t, const char *json)
{
    _cleanup_strbuf_ struct strbuf text, err;

    *t = (struct target){ .count = 0 };
    strbuf_init(&text, 1 << 16);
    strbuf_init(&err, 1024);
    strbuf_adds(&text, json);
    assert_int_equal(strbuf_reserve(&text, JSON_PADDING), 0);
    return target_parse(t, strbuf_span(&text), &err);
}

static void status_is_read(void **state)
{
    struct target t;

    (void)state;
    assert_int_equal(
        parse(
            &t,
            "[{\"name\":\"postgres\",\"pid\":7,\"port\":null,\"state\":\"ready\"},"
            "{\"name\":\"gateway\",\"pid\":8,\"port\":4000,\"metricsPort\":4001,"
            "\"state\":\"backoff\",\"reason\":\"it died\",\"cpuSeconds\":1.5,\"memoryBytes\":4096,"
            "\"more\":{\"x\":[1]}},{\"name\":\"gateway-2\",\"port\":4000}]"),
        0);
    assert_int_equal(t.count, 3);
    assert_string_equal(t.processes[0].name, "postgres");
    assert_int_equal(t.processes[0].pid, 7);
    assert_int_equal(t.processes[0].port, 0);
    assert_string_equal(t.processes[1].state, "backoff");
    assert_string_equal(t.processes[1].reason, "it died");
    assert_int_equal(t.processes[1].metrics_port, 4001);
    assert_true(t.processes[1].cpu_seconds == 1.5 && t.processes[1].memory_bytes == 4096);
    assert_int_equal(t.processes[2].metrics_port, 0);
    assert_int_equal(target_port(&t, "gateway", 3000), 4000);
    assert_int_equal(target_port(&t, "postgres", 5432), 5432);
    assert_int_equal(target_port(&t, "reporter", 3003), 3003);
}

static void nonsense_is_an_error(void **state)
{
    static const char *const texts[] = { "", "{}", "nothing runs", "[{\"name\":\"x\"", "7" };
    struct target t;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_true(parse(&t, texts[i]) < 0);
    assert_int_equal(parse(&t, "[1, null, {\"name\":7,\"pid\":\"x\"}]"), 0);
    assert_int_equal(t.count, 1);
    assert_string_equal(t.processes[0].name, "");
}

static void there_is_no_end_of_processes(void **state)
{
    _cleanup_strbuf_ struct strbuf text;
    struct target t;

    (void)state;
    strbuf_init(&text, 1 << 16);
    strbuf_addc(&text, '[');
    for (int i = 0; i < TARGET_PROCESSES_MAX + 50; i++)
        strbuf_adds(&text, i ? ",{}" : "{}");
    strbuf_addc(&text, ']');
    assert_int_equal(parse(&t, text.ptr), 0);
    assert_int_equal(t.count, TARGET_PROCESSES_MAX);
}

static void urls_are_taken(void **state)
{
    struct target t = { .count = 0 };
    char longest[TARGET_TEXT_MAX + 64];

    (void)state;
    target_take_env(&t, SPAN("NATS_URL=nats://sluice:s=cret@127.0.0.1:4222\n"));
    target_take_env(&t, SPAN("DATABASE_URL=postgresql://127.0.0.1/x"));
    target_take_env(&t, SPAN("OTHER=1"));
    target_take_env(&t, SPAN("no equals sign"));
    assert_string_equal(t.nats_url, "nats://sluice:s=cret@127.0.0.1:4222");
    assert_string_equal(t.database_url, "postgresql://127.0.0.1/x");
    memset(longest, 'x', sizeof(longest));
    memcpy(longest, "NATS_URL=", 9);
    target_take_env(&t, span_of(longest, sizeof(longest)));
    assert_string_equal(t.nats_url, "nats://sluice:s=cret@127.0.0.1:4222");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_is_read),
        cmocka_unit_test(nonsense_is_an_error),
        cmocka_unit_test(there_is_no_end_of_processes),
        cmocka_unit_test(urls_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
