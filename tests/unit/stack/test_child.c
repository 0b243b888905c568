#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "stack/child.h"
#include "stack/leftovers.h"
#include "stack/ports.h"
#include "stack/process.h"
#include "unit/stack/folder.h"

static void shell(struct child_spec *spec, const char *script)
{
    child_arg(spec, "/bin/sh");
    child_arg(spec, "-c");
    child_arg(spec, script);
}

/* Runs a script and returns what it printed. */
static void output_of(struct child_spec *spec, struct strbuf *out)
{
    _cleanup_folder_ struct folder f = folder_new();
    _cleanup_strbuf_ struct strbuf err;
    _cleanup_close_ int log = openat(f.fd, "out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    strbuf_init(&err, 1024);
    strbuf_init(out, 8192);
    spec->log_fd = log;
    if (child_run_to_end(spec, &err) < 0)
        fail_msg("%s", err.ptr);
    assert_int_equal(file_read(f.fd, "out", out), 0);
}

static void test_gets_what_it_is_given_and_nothing_else(void **state)
{
    _cleanup_child_spec_ struct child_spec spec;
    _cleanup_folder_ struct folder dir = folder_new();
    _cleanup_strbuf_ struct strbuf out;
    _cleanup_close_ int socket = -1, stray = open("/dev/null", O_RDONLY);
    char expected[256];

    (void)state;
    assert_int_equal(port_listen("127.0.0.1", 0, &socket), 0);
    child_spec_init(&spec);
    shell(&spec, "ls /proc/$$/fd; readlink /proc/$$/fd/9; "
                 "echo $LISTEN_FDS $((LISTEN_PID == $$)) ${HOME:-none}");
    spec.dir_fd = dir.fd;
    spec.listen_fds[0] = socket;
    spec.listen_count = 1;
    assert_int_equal(environment_set(&spec.env, "PATH", "/usr/bin:/bin"), 0);
    output_of(&spec, &out);
    (void)snprintf(expected, sizeof(expected), "0\n1\n2\n3\n9\n%s\n1 1 none\n", dir.path);
    assert_string_equal(out.ptr, expected);
    (void)stray;
}

static void test_stands_in_its_directory_and_session(void **state)
{
    _cleanup_child_spec_ struct child_spec spec;
    _cleanup_folder_ struct folder dir = folder_new();
    _cleanup_strbuf_ struct strbuf out;
    char expected[128];

    (void)state;
    child_spec_init(&spec);
    shell(&spec, "pwd -P; awk '{ print ($1 == $6) }' /proc/$$/stat; "
                 "awk '/NoNewPrivs/ { print $2 }' /proc/self/status");
    spec.dir_fd = dir.fd;
    assert_int_equal(environment_set(&spec.env, "PATH", "/usr/bin:/bin"), 0);
    output_of(&spec, &out);
    (void)snprintf(expected, sizeof(expected), "%s\n1\n1\n", dir.path);
    assert_string_equal(out.ptr, expected);
}

static void test_failures_are_told(void **state)
{
    static const struct {
        const char *program, *script, *error;
    } cases[] = {
        { "/nowhere/program", NULL, "/nowhere/program cannot be started: No such file" },
        { NULL, "exit 7", "exit status 7" },
        { NULL, "kill -9 $$", "killed by signal 9 (Killed)" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_child_spec_ struct child_spec spec;
        _cleanup_strbuf_ struct strbuf err;

        child_spec_init(&spec);
        strbuf_init(&err, 1024);
        if (cases[i].program)
            child_arg(&spec, cases[i].program);
        else
            shell(&spec, cases[i].script);
        assert_true(child_run_to_end(&spec, &err) < 0);
        if (!strstr(err.ptr, cases[i].error))
            fail_msg("%s", err.ptr);
    }
}

static void test_birth_tells_processes_apart(void **state)
{
    _cleanup_child_spec_ struct child_spec spec;
    _cleanup_strbuf_ struct strbuf err;
    pid_t pid;

    (void)state;
    assert_true(process_birth(getpid()) > 0);
    assert_int_equal(process_birth(0x7ffffff0), 0);
    child_spec_init(&spec);
    strbuf_init(&err, 1024);
    shell(&spec, "kill -9 $$");
    assert_int_equal(child_spawn(&spec, &pid, &err), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
    assert_int_equal(process_birth(pid), 0); /* a zombie runs no more */
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Children that ignore SIGTERM are not part of this: they would take the whole patience. */
static void test_leftovers_are_stopped_but_nobody_else(void **state)
{
    _cleanup_folder_ struct folder dir = folder_new();
    _cleanup_strbuf_ struct strbuf lines, err;
    pid_t pids[2];
    int status;

    (void)state;
    strbuf_init(&lines, 4096);
    strbuf_init(&err, 1024);
    assert_int_equal(dir_ensure(dir.fd, "run"), 0);
    assert_int_equal(leftovers_stop(dir.fd), 0);
    for (int i = 0; i < 2; i++) {
        _cleanup_child_spec_ struct child_spec spec;

        child_spec_init(&spec);
        shell(&spec, "exec sleep 600");
        assert_int_equal(environment_set(&spec.env, "PATH", "/usr/bin:/bin"), 0);
        assert_int_equal(child_spawn(&spec, &pids[i], &err), 0);
    }
    leftovers_line(&lines, "gateway", pids[0], process_birth(pids[0]), SIGINT);
    leftovers_line(&lines, "reporter", pids[1], process_birth(pids[1]) + 1, SIGINT);
    (void)strbuf_adds(&lines, "garbage\nx 1 2\nx 1 1 9\n");
    assert_int_equal(leftovers_record(dir.fd, strbuf_span(&lines)), 0);
    assert_int_equal(leftovers_stop(dir.fd), 1);
    assert_int_equal(waitpid(pids[0], &status, 0), pids[0]);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    assert_int_equal(waitpid(pids[1], &status, WNOHANG), 0);
    assert_int_equal(kill(pids[1], SIGKILL), 0);
    assert_int_equal(waitpid(pids[1], &status, 0), pids[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gets_what_it_is_given_and_nothing_else),
        cmocka_unit_test(test_stands_in_its_directory_and_session),
        cmocka_unit_test(test_failures_are_told),
        cmocka_unit_test(test_birth_tells_processes_apart),
        cmocka_unit_test(test_leftovers_are_stopped_but_nobody_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
