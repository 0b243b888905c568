/* The command line of sluice dlq: what is taken, and what is refused with a line that helps. */
#include "admin/dlq/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define NOON (INT64_C(1769860800) * USEC_PER_SEC) /* 2026-01-31T12:00:00Z */
#define WORDS_MAX 8

struct line {
    struct dlq_options options;
    struct settings settings;
    struct strbuf err;
};

static int load(struct line *l, const char *const *words)
{
    char *argv[WORDS_MAX + 2] = { (char *)"dlq" };
    int argc = 1, r;

    for (; argc <= WORDS_MAX && words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    strbuf_init(&l->err, 4096);
    r = dlq_options_load(&l->options, &l->settings, NOON, argc, argv, &l->err);
    settings_release(&l->settings);
    return r;
}

static void test_everything(UNUSED void **state)
{
    static const char *const words[WORDS_MAX + 1] = {
        "requeue",         "--reason=wrong_type",
        "--source=tiktok", "--correlation-id=c",
        "--since=2h",      "--until=2026-01-31T13:00:00+01:00",
        "--limit=7",       "--yes",
    };
    struct line l;

    assert_int_equal(load(&l, words), 0);
    assert_int_equal(l.options.verb, DLQ_REQUEUE);
    assert_string_equal(l.options.stream, BUS_DLQ_STREAM);
    assert_string_equal(l.options.filter.reason, "wrong_type");
    assert_string_equal(l.options.filter.source, "tiktok");
    assert_string_equal(l.options.filter.correlation_id, "c");
    assert_int_equal(l.options.filter.from_nsec, (NOON - 7200 * USEC_PER_SEC) * 1000);
    assert_int_equal(l.options.filter.to_nsec, NOON * 1000);
    assert_int_equal(l.options.limit, 7);
    assert_true(l.options.yes);
    assert_int_equal(l.options.event_max_bytes, 128 * 1024);
    strbuf_release(&l.err);
}

static void test_defaults(UNUSED void **state)
{
    static const char *const words[][WORDS_MAX + 1] = { { "ls" },
                                                        { "purge", "--unreadable" },
                                                        { "show", "17", "--raw" } };
    struct line l;

    assert_int_equal(load(&l, words[0]), 0);
    assert_int_equal(l.options.limit, DLQ_LIST_DEFAULT);
    assert_false(l.options.yes || l.options.json || l.options.raw || l.options.data);
    strbuf_release(&l.err);
    assert_int_equal(load(&l, words[1]), 0);
    assert_int_equal(l.options.limit, 0);
    assert_string_equal(l.options.stream, BUS_UNREADABLE_STREAM);
    strbuf_release(&l.err);
    assert_int_equal(load(&l, words[2]), 0);
    assert_int_equal(l.options.seq, 17);
    strbuf_release(&l.err);
}

static void test_refusals(UNUSED void **state)
{
    static const struct {
        const char *words[WORDS_MAX + 1];
        const char *says;
    } cases[] = {
        { { NULL }, "takes ls, show, requeue or purge" },
        { { "drop" }, "'drop': takes ls" },
        { { "purge", "all" }, "purge takes flags only" },
        { { "show", "1", "2" }, "show takes the sequence" },
        { { "show", "-1" }, "-1" },
        { { "show", "1", "--limit=1" }, "--limit: not for show" },
        { { "ls", "--raw" }, "--raw: not for ls" },
        { { "requeue", "--unreadable" }, "--unreadable: not for requeue: what is no JSON" },
        { { "purge", "--event-max-bytes=1K" }, "--event-max-bytes: not for purge" },
        { { "ls", "--since=2026-01-31" }, "--since=2026-01-31: takes a time" },
        { { "ls", "--until=" }, "--until=: takes a time" },
        { { "ls", "--since=1900-01-01T00:00:00Z" }, "takes a time" },
        { { "ls", "--since=9999-01-01T00:00:00Z" }, "takes a time" },
        { { "ls", "--since=30000d" }, "takes a time" },
        { { "ls", "--limit=10001" }, "from 1 to 10000" },
        { { "purge", "--limit=0" }, "--limit=0: takes" },
        { { "ls", "--source=dlq.>" }, "--source=dlq.>: takes a source" },
        { { "requeue", "--event-max-bytes=0" }, "--event-max-bytes=0: takes a size" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct line l;

        assert_true(load(&l, cases[i].words) < 0);
        print_message("%s\n", l.err.ptr);
        assert_non_null(strstr(l.err.ptr, cases[i].says));
        strbuf_release(&l.err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
