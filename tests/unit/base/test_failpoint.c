/* Failpoints: only the armed one, only the time it was armed for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/macros.h"

/* How many passes of "a.b" a child survives, out of three. */
static int survived(const char *armed)
{
    int pipes[2], status, count = 0;
    pid_t pid;
    char c;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (armed)
            (void)setenv("SLUICE_FAILPOINT", armed, 1);
        for (int i = 0; i < 3; i++) {
            failpoint("%s.%s", "a", "b");
            if (write(pipes[1], "x", 1) != 1)
                break;
        }
        _exit(0);
    }
    (void)close(pipes[1]);
    while (read(pipes[0], &c, 1) == 1)
        count++;
    (void)close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(count == 3 ? WIFEXITED(status)
                           : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return count;
}

static void test_freezes_once(void **state UNUSED)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)setenv("SLUICE_FAILPOINT", "stop:a.b", 1);
        failpoint("a.b");
        failpoint("a.b");
        _exit(7);
    }
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void test_failpoints(void **state UNUSED)
{
    static const struct {
        const char *armed;
        int survived;
    } cases[] = {
        { NULL, 3 },    { "", 3 },      { "a.b", 0 },  { "a.b:1", 0 }, { "a.b:2", 1 },
        { "a.b:3", 2 }, { "a.b:4", 3 }, { "a.bc", 3 }, { "a", 3 },     { "a.b:x", 3 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(survived(cases[i].armed), cases[i].survived);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_failpoints),
                                        cmocka_unit_test(test_freezes_once) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
