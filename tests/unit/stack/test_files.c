#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>

#include "stack/logs.h"
#include "unit/stack/folder.h"

static void test_replaces_and_reads(void **state)
{
    _cleanup_folder_ struct folder f = folder_new();
    _cleanup_strbuf_ struct strbuf text, little;
    struct stat st;

    (void)state;
    strbuf_init(&text, 4096);
    strbuf_init(&little, 3);
    assert_int_equal(file_read(f.fd, "x", &text), -ENOENT);
    assert_int_equal(file_replace(f.fd, "x", SPAN("first and longer"), true), 0);
    assert_int_equal(file_replace(f.fd, "x", SPAN("second"), false), 0);
    assert_int_equal(file_read(f.fd, "x", &text), 0);
    assert_string_equal(text.ptr, "second");
    assert_int_equal(file_read(f.fd, "x", &little), -ENOBUFS);
    assert_int_equal(fstatat(f.fd, "x", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fstatat(f.fd, "x.new", &st, 0), -1);
}

static void test_a_link_is_not_followed(void **state)
{
    _cleanup_folder_ struct folder f = folder_new();
    _cleanup_strbuf_ struct strbuf text;

    (void)state;
    strbuf_init(&text, 4096);
    assert_int_equal(symlinkat("/etc/hostname", f.fd, "x"), 0);
    assert_int_equal(file_read(f.fd, "x", &text), -ELOOP);
}

static void test_removes_a_tree(void **state)
{
    _cleanup_folder_ struct folder f = folder_new();
    struct stat st;

    (void)state;
    assert_int_equal(dir_remove(f.fd, "tree"), 0);
    assert_int_equal(dir_ensure(f.fd, "tree"), 0);
    assert_int_equal(dir_ensure(f.fd, "tree"), 0);
    assert_int_equal(dir_ensure(f.fd, "tree/a"), 0);
    assert_int_equal(file_replace(f.fd, "tree/a/x", SPAN("1"), false), 0);
    assert_int_equal(symlinkat("/", f.fd, "tree/a/root"), 0);
    assert_int_equal(dir_remove(f.fd, "tree"), 0);
    assert_int_equal(fstatat(f.fd, "tree", &st, 0), -1);
}

static void test_tail(void **state)
{
    static const struct {
        size_t bytes;
        const char *text;
    } cases[] = {
        { 100, "one\ntwo\nthree\n" },
        { 14, "one\ntwo\nthree\n" },
        { 13, "two\nthree\n" },
        { 7, "three\n" },
        { 3, "" },
    };
    _cleanup_folder_ struct folder f = folder_new();

    (void)state;
    assert_int_equal(file_replace(f.fd, "x", SPAN("one\ntwo\nthree\n"), false), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf out;

        strbuf_init(&out, 4096);
        (void)strbuf_adds(&out, ">");
        file_tail(f.fd, "x", cases[i].bytes, &out);
        assert_string_equal(out.ptr + 1, cases[i].text);
        file_tail(f.fd, "missing", cases[i].bytes, &out);
        assert_string_equal(out.ptr + 1, cases[i].text);
    }
}

static void test_logs_are_cut_under_an_open_file(void **state)
{
    _cleanup_folder_ struct folder f = folder_new();
    _cleanup_close_ int log = -1, other = -1;
    _cleanup_strbuf_ struct strbuf kept, now;

    (void)state;
    strbuf_init(&kept, 4096);
    strbuf_init(&now, 4096);
    assert_int_equal(dir_ensure(f.fd, "log"), 0);
    assert_int_equal(logs_open(f.fd, "gateway", &log), 0);
    assert_int_equal(logs_open(f.fd, "small", &other), 0);
    assert_int_equal(fd_write_all(log, SPAN("0123456789\n")), 0);
    assert_int_equal(fd_write_all(other, SPAN("01234\n")), 0);
    logs_rotate(f.fd, 10);
    assert_int_equal(fd_write_all(log, SPAN("after\n")), 0);
    assert_int_equal(file_read(f.fd, "log/gateway.log.1", &kept), 0);
    assert_string_equal(kept.ptr, "0123456789\n");
    assert_int_equal(file_read(f.fd, "log/gateway.log", &now), 0);
    assert_string_equal(now.ptr, "after\n");
    strbuf_reset(&now);
    assert_int_equal(file_read(f.fd, "log/small.log", &now), 0);
    assert_string_equal(now.ptr, "01234\n");
    assert_int_equal(file_read(f.fd, "log/small.log.1", &now), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replaces_and_reads),
        cmocka_unit_test(test_a_link_is_not_followed),
        cmocka_unit_test(test_removes_a_tree),
        cmocka_unit_test(test_tail),
        cmocka_unit_test(test_logs_are_cut_under_an_open_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
