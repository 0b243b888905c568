#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/usage.h"

#define MEMORY ((size_t)32 << 20)

static char *volatile used; /* or a compiler may find out that nobody reads the memory */

/* A process that has used some time and memory of its own. */
static pid_t start_child(void)
{
    int ready[2];
    pid_t pid;
    char c;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* also of a test that fails */
        used = malloc(MEMORY);
        for (int i = 0; used && i < 20; i++)
            memset(used, i, MEMORY);
        (void)!write(ready[1], "x", 1);
        (void)pause();
        _exit(0);
    }
    assert_int_equal(close(ready[1]), 0);
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(close(ready[0]), 0);
    return pid;
}

static void children_are_counted_when_asked_for(UNUSED void **state)
{
    struct usage before, alone, all;
    pid_t child;

    assert_int_equal(usage_of(getpid(), false, &before), 0);
    assert_true(before.memory_bytes > 0);
    child = start_child();
    assert_int_equal(usage_of(getpid(), false, &alone), 0);
    assert_int_equal(usage_of(getpid(), true, &all), 0);
    assert_true(alone.memory_bytes < before.memory_bytes + MEMORY / 2);
    assert_true(all.memory_bytes >= alone.memory_bytes + MEMORY);
    assert_true(all.cpu_seconds >= alone.cpu_seconds);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(usage_of(child, true, &all), -ESRCH);
}

static void memory_has_a_limit(UNUSED void **state)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);

    assert_in_range(memory_limit(), UINT64_C(1) << 20, (uint64_t)pages * (uint64_t)page_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_are_counted_when_asked_for),
        cmocka_unit_test(memory_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
