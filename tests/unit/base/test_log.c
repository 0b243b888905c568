/* Log lines: one line whatever they are given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* A log that writes into a pipe, which holds what a test writes. */
struct captured {
    struct log log;
    int read_fd;
    char text[LOG_LINE_MAX * 2];
};

static void capture(struct captured *c, enum log_level level, enum log_format format)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    log_init(&c->log, "tester", level, format);
    c->log.fd = fds[1];
    c->read_fd = fds[0];
}

static const char *captured_text(struct captured *c)
{
    ssize_t n = read(c->read_fd, c->text, sizeof(c->text) - 1);

    c->text[n > 0 ? n : 0] = '\0';
    return c->text;
}

static void captured_release(struct captured *c)
{
    (void)close(c->log.fd);
    (void)close(c->read_fd);
}

#define _cleanup_captured_ _cleanup_(captured_release)

/* What stands behind the time, which is checked for itself. */
static const char *behind_time(const char *line, const char *before)
{
    int64_t usec;
    const char *end;

    assert_memory_equal(line, before, strlen(before));
    line += strlen(before);
    end = strchr(line, 'Z');
    assert_non_null(end);
    assert_int_equal(timestamp_parse(span_of(line, (size_t)(end + 1 - line)), &usec), 0);
    return end + 1;
}

static void test_json_line(void **state UNUSED)
{
    _cleanup_captured_ struct captured c;

    capture(&c, LOG_INFO, LOG_JSON);
    log_warn(&c.log, "pg.retry", "no \"answer\"\n", KV_INT("attempt", -3), KV_UINT("u", 7),
             KV_STR("then", "a\nb"), KV_DBL("d", 1.5), KV_BOOL("b", true),
             KV_CORRELATION(SPAN("id-1")), KV_STR("none", NULL));
    assert_string_equal(
        behind_time(captured_text(&c), "{\"timestamp\":\""),
        "\",\"service\":\"tester\",\"level\":\"warn\",\"event\":\"pg.retry\",\"message\":\"no "
        "\\\"answer\\\"\\n\",\"attempt\":-3,\"u\":7,\"then\":\"a\\nb\",\"d\":1.5,\"b\":true,"
        "\"correlationId\":\"id-1\",\"none\":\"\"}\n");
}

static void test_text_line(void **state UNUSED)
{
    _cleanup_captured_ struct captured c;

    capture(&c, LOG_INFO, LOG_TEXT);
    log_info(&c.log, "up", "ready\nto forge", KV_INT("port", 3000), KV_STR("s", "a\nb"));
    assert_string_equal(behind_time(captured_text(&c), ""),
                        " info  tester up: ready to forge port=3000 s=\"a\\nb\"\n");
}

static void test_levels(void **state UNUSED)
{
    _cleanup_captured_ struct captured c;

    capture(&c, LOG_WARN, LOG_TEXT);
    log_debug(&c.log, "e", "m");
    log_info(&c.log, "e", "m");
    assert_string_equal(captured_text(&c), "");
    log_error(&c.log, "e", "m");
    assert_non_null(strstr(captured_text(&c), " error tester e: m\n"));
}

/* A line stays one line, whole and within its limit, whatever it is given. */
static void test_long_values_are_cut(void **state UNUSED)
{
    static char long_text[3 * LOG_LINE_MAX];

    memset(long_text, 'x', sizeof(long_text) - 1);
    for (enum log_format format = LOG_JSON; format < LOG_FORMAT_COUNT; format++) {
        _cleanup_captured_ struct captured c;
        const char *text;

        capture(&c, LOG_INFO, format);
        log_info(&c.log, "e", "m", KV_STR("long", long_text), KV_INT("after", 1));
        text = captured_text(&c);
        assert_true(strlen(text) <= LOG_LINE_MAX);
        assert_non_null(strstr(text, format == LOG_JSON ? "\"after\":1,\"truncated\":true}\n"
                                                        : "after=1 truncated=true\n"));
        log_info(&c.log, "e", long_text);
        text = captured_text(&c);
        assert_true(strlen(text) > 10 && strlen(text) <= LOG_LINE_MAX);
        assert_int_equal(atomic_load(&c.log.dropped), 0);
    }
}

static void test_a_line_that_cannot_be_written_is_counted(void **state UNUSED)
{
    _cleanup_captured_ struct captured c;
    int lines = 0;

    capture(&c, LOG_INFO, LOG_JSON);
    while (atomic_load(&c.log.dropped) == 0) {
        log_info(&c.log, "e", "m");
        assert_true(++lines < 100000);
    }
    errno = 42;
    log_info(&c.log, "e", "m");
    assert_int_equal(errno, 42);
    assert_int_equal(atomic_load(&c.log.dropped), 2);
}

static void log_until_dropped(struct log *log)
{
    for (int lines = 0; atomic_load(&log->dropped) == 0; lines++) {
        log_info(log, "e", "m");
        assert_true(lines < 100000);
    }
}

static void read_all(int fd)
{
    char bytes[4096];

    while (read(fd, bytes, sizeof(bytes)) > 0) {
    }
}

/* A reader that does not read holds nobody up, and what others do with the same file is theirs. */
static void test_a_full_reader_is_not_waited_for(void **state UNUSED)
{
    for (int kind = 0; kind < 2; kind++) {
        _cleanup_close_ int read_fd = -1, write_fd = -1;
        char text[2 * LOG_LINE_MAX] = "";
        struct log log;
        int fds[2];

        assert_int_equal(kind ? pipe2(fds, O_CLOEXEC)
                              : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                         0);
        read_fd = fds[0];
        assert_int_equal(fcntl(read_fd, F_SETFL, O_NONBLOCK), 0);
        write_fd = fds[1];
        log_init(&log, "tester", LOG_INFO, LOG_TEXT);
        log.fd = write_fd;
        log_never_wait(&log);
        log_until_dropped(&log);
        assert_false(fcntl(write_fd, F_GETFL) & O_NONBLOCK);
        read_all(read_fd);
        log_info(&log, "e", "heard again");
        assert_true(read(read_fd, text, sizeof(text) - 1) > 0);
        assert_non_null(strstr(text, "heard again\n"));
        assert_int_equal(atomic_load(&log.dropped), 1);
        if (log.fd != write_fd)
            (void)close(log.fd);
    }
}

/* A line that a full disk cut does not run into the next one. */
static void test_a_cut_line_is_ended(void **state UNUSED)
{
    struct rlimit limit, tight;
    char text[4096] = "";
    _cleanup_close_ int fd = memfd_create("log", MFD_CLOEXEC);
    struct log log;
    const char *second;

    assert_true(fd >= 0);
    log_init(&log, "tester", LOG_INFO, LOG_TEXT);
    log.fd = fd;
    log_never_wait(&log);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    tight = (struct rlimit){ .rlim_cur = 10, .rlim_max = limit.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    log_info(&log, "e", "cut");
    log_info(&log, "e", "lost");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    log_info(&log, "e", "whole");
    assert_int_equal(atomic_load(&log.dropped), 2);
    assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
    assert_int_equal(text[10], '\n');
    second = behind_time(text + 11, "");
    assert_string_equal(second, " info  tester e: whole\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_line),
        cmocka_unit_test(test_text_line),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_a_line_that_cannot_be_written_is_counted),
        cmocka_unit_test(test_a_full_reader_is_not_waited_for),
        cmocka_unit_test(test_a_cut_line_is_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
