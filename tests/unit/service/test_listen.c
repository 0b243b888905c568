/* Sockets that a process inherits, each case in a process of its own: their numbers are fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/listen.h"

#define REFUSED 90
#define UNCLEAN 91

static const struct {
    const char *name;
    const char *kinds; /* from 3 on: l listens, c is a socket that does not, f is a file */
    const char *names; /* NULL = none */
    bool foreign;      /* LISTEN_PID is another's */
    int service, observer;
    bool refused;
} cases[] = {
    { "nothing", "", NULL, false, -1, -1, false },
    { "one", "l", NULL, false, 3, -1, false },
    { "two without names", "ll", NULL, false, 3, 4, false },
    { "one with systemd's own name", "l", "sluice-gateway.socket", false, 3, -1, false },
    { "the observer alone", "l", "observer", false, -1, 3, false },
    { "the observer first", "ll", "observer:web", false, 4, 3, false },
    { "two of one unit", "ll", "sluice.socket:sluice.socket", false, 0, 0, true },
    { "three", "lll", NULL, false, 0, 0, true },
    { "a name too few", "ll", "observer", false, 4, 3, false },
    { "a connection", "c", NULL, false, 0, 0, true },
    { "a file", "f", NULL, false, 0, 0, true },
    { "another's", "l", NULL, true, -1, -1, false },
};

static int open_kind(char kind)
{
    int fd = kind == 'f' ? open("/dev/null", O_RDONLY) : socket(AF_INET, SOCK_STREAM, 0);

    return kind == 'l' && listen(fd, 1) < 0 ? -1 : fd;
}

static bool is_clean(const char *kinds)
{
    for (int i = 0; kinds[i]; i++)
        if (!(fcntl(3 + i, F_GETFD) & FD_CLOEXEC))
            return false;
    return !getenv("LISTEN_FDS") && !getenv("LISTEN_PID") && !getenv("LISTEN_FDNAMES");
}

/* Exits with what it found: ten times the service's descriptor plus the observer's, 9 for none. */
static _Noreturn void run_child(size_t i)
{
    const char *kinds = cases[i].kinds;
    _cleanup_strbuf_ struct strbuf err;
    struct listen_sockets found;
    char number[32];

    strbuf_init(&err, 1024);
    for (int n = 0; kinds[n]; n++) {
        int fd = open_kind(kinds[n]);

        if (fd != 3 + n && (dup2(fd, 3 + n) < 0 || close(fd) < 0))
            _exit(99);
    }
    (void)snprintf(number, sizeof(number), "%zu", strlen(kinds));
    (void)setenv("LISTEN_FDS", number, 1);
    (void)snprintf(number, sizeof(number), "%ld", (long)getpid() + cases[i].foreign);
    (void)setenv("LISTEN_PID", number, 1);
    if (cases[i].names)
        (void)setenv("LISTEN_FDNAMES", cases[i].names, 1);
    if (listen_inherited(&found, &err) < 0)
        _exit(err.len ? REFUSED : 99);
    if (!is_clean(cases[i].foreign ? "" : kinds))
        _exit(UNCLEAN);
    _exit((found.service < 0 ? 9 : found.service) * 10 + (found.observer < 0 ? 9 : found.observer));
}

static void inherited(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int status, service = cases[i].service, observer = cases[i].observer;
        pid_t pid = fork();

        if (pid == 0)
            run_child(i);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) !=
            (cases[i].refused ? REFUSED
                              : (service < 0 ? 9 : service) * 10 + (observer < 0 ? 9 : observer)))
            fail_msg("%s: %d", cases[i].name, WEXITSTATUS(status));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(inherited) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
