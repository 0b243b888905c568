/* Which lines of which logs are complaints, and how they are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/top/complaints.h"
#include "base/clock.h"
#include "base/macros.h"

#define NOW (INT64_C(1800000000) * USEC_PER_SEC)
#define TIME "2026-01-31T12:00:00.5Z"
#define TIME_USEC (INT64_C(1769860800) * USEC_PER_SEC + 500000)

#define JSON(level, rest)                                                                          \
    "{\"timestamp\":\"" TIME "\",\"service\":\"gateway\",\"level\":\"" level                       \
    "\",\"event\":\"x\",\"message\":\"it \\u001b[31m broke\"" rest "}"

static void lines_are_told_apart(UNUSED void **state)
{
    static const struct {
        const char *line;
        const char *want; /* NULL: no complaint */
        bool error;
        int64_t usec;
    } cases[] = {
        { "", NULL, false, 0 },
        { JSON("info", ""), NULL, false, 0 },
        { JSON("info", ",\"note\":\"\\\"level\\\":\\\"error\\\"\""), NULL, false, 0 },
        { JSON("warn", ""), "it \x1b[31m broke", false, TIME_USEC },
        { JSON("error", ",\"error\":\"no room\",\"then\":\"x\""), "it \x1b[31m broke: no room",
          true, TIME_USEC },
        { "{\"level\":\"error\",\"message\":\"no time\"}", "no time", true, NOW },
        { "{\"level\":\"error\",", NULL, false, 0 },
        { TIME " info  gateway a.b: fine", NULL, false, 0 },
        { TIME " warn  gateway a.b: it broke n=7", "it broke n=7", false, TIME_USEC },
        { TIME " error gateway a.b: it broke", "it broke", true, TIME_USEC },
        { "2026-01-31 12:00:00.5 UTC [17] LOG:  database system is ready", NULL, false, 0 },
        { "2026-01-31 12:00:00.5 UTC [17] sluice ERROR:  no such table", "no such table", true,
          TIME_USEC - 500000 },
        { "2026-01-31 12:00:00.5 UTC [17] FATAL:  the database system is starting up", NULL, false,
          0 },
        { "[17] 2026/01/31 12:00:00.5 [INF] Server is ready", NULL, false, 0 },
        { "[17] 2026/01/31 12:00:00.5 [ERR] no space", "no space", true, TIME_USEC - 500000 },
        { "[17] 2026/01/31 12:00:00.5 [WRN] Plaintext passwords detected, use nkeys", NULL, false,
          0 },
        { "ts=" TIME " caller=main.go:1 level=info msg=\"x\"", NULL, false, 0 },
        { "ts=" TIME " caller=main.go:1 level=error msg=\"x\" err=y", "\"x\" err=y", true,
          TIME_USEC },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        static struct complaints c;

        c = (struct complaints){ 0 };
        complaints_take(&c, "x", span_str(cases[i].line), NOW);
        assert_int_equal(c.count, cases[i].want != NULL);
        if (!cases[i].want)
            continue;
        assert_string_equal(c.list[0].text, cases[i].want);
        assert_int_equal(c.list[0].error, cases[i].error);
        assert_int_equal(c.list[0].wall_usec, cases[i].usec);
    }
}

static void take(struct complaints *c, const char *name, int second, const char *text)
{
    char line[256];

    (void)snprintf(line, sizeof(line), "2026-01-31T12:%02d:%02dZ error gateway a.b: %s",
                   second / 60, second % 60, text);
    complaints_take(c, name, span_str(line), NOW);
}

static void the_newest_stand_first_and_repeated_ones_once(UNUSED void **state)
{
    static struct complaints c;

    take(&c, "a", 1, "one");
    take(&c, "a", 3, "three");
    take(&c, "b", 2, "two");
    take(&c, "a", 4, "one");
    take(&c, "b", 0, "one");
    assert_int_equal(c.count, 4);
    assert_string_equal(c.list[0].text, "one");
    assert_int_equal(c.list[0].times, 2);
    assert_string_equal(c.list[1].text, "three");
    assert_string_equal(c.list[2].text, "two");
    assert_string_equal(c.list[3].name, "b");
}

static void there_is_no_end_of_complaints(UNUSED void **state)
{
    static struct complaints c;
    char text[16];

    for (int i = 0; i < 3 * COMPLAINTS_MAX; i++) {
        (void)snprintf(text, sizeof(text), "n%d", i);
        take(&c, "a", 100 + i, text);
    }
    assert_int_equal(c.count, COMPLAINTS_MAX);
    assert_string_equal(c.list[0].text, text);
    take(&c, "a", 0, "too old");
    assert_string_equal(c.list[0].text, text);
    assert_int_equal(c.count, COMPLAINTS_MAX);
}

static void append(const char *path, const char *text, int flags)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

/* Lines count once they are whole; a file that was cut by the rotation begins anew. */
static void files_are_followed(UNUSED void **state)
{
    static struct complaints c;
    char folder[] = "/tmp/sluice-test-top-XXXXXX", log[64], path[128];

    assert_non_null(mkdtemp(folder));
    complaints_read(&c, folder);
    assert_true(c.why[0] != '\0');
    (void)snprintf(log, sizeof(log), "%s/log", folder);
    assert_int_equal(mkdir(log, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/gateway.log", log);
    append(path, TIME " error gateway a.b: one\n" TIME " error gateway a.b: tw", O_APPEND);
    complaints_read(&c, folder);
    assert_string_equal(c.why, "");
    assert_int_equal(c.count, 1);
    append(path, "o\n", O_APPEND);
    complaints_read(&c, folder);
    complaints_read(&c, folder);
    assert_int_equal(c.count, 2);
    assert_int_equal(c.list[0].times + c.list[1].times, 2);
    append(path, TIME " error gateway a.b: one\n", O_TRUNC);
    complaints_read(&c, folder);
    assert_int_equal(c.count, 2);
    assert_int_equal(c.list[0].times + c.list[1].times, 3);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(log), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_told_apart),
        cmocka_unit_test(the_newest_stand_first_and_repeated_ones_once),
        cmocka_unit_test(there_is_no_end_of_complaints),
        cmocka_unit_test(files_are_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
