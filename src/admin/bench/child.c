#include "admin/bench/child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define STOP_PATIENCE_USEC (10 * USEC_PER_SEC)

static bool executable_in(struct span folder, const char *program)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%.*s/%s", SPAN_ARG(folder), program);
    return access(path, X_OK) == 0;
}

bool child_exists(const char *program)
{
    struct span path = span_str(getenv("PATH")), folder;

    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    while (span_split(&path, ':', &folder))
        if (executable_in(folder, program))
            return true;
    return executable_in(SPAN("/usr/sbin"), program);
}

/* The child's side of fork(). */
static void exec_child(const char *const argv[], int out_fd, int err_fd)
{
    char path[512];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(out_fd, STDOUT_FILENO) < 0 || dup2(err_fd, STDERR_FILENO) < 0)
        _exit(126);
    /* exec leaves the strings alone; its prototype is older than const. */
    (void)execvp(argv[0], (char *const *)argv);
    (void)snprintf(path, sizeof(path), "/usr/sbin/%s", argv[0]);
    (void)execv(path, (char *const *)argv);
    _exit(127);
}

int child_start(const char *const argv[], pid_t *ret_pid)
{
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t pid;

    if (null < 0)
        return -errno;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        exec_child(argv, null, null);
    *ret_pid = pid;
    return 0;
}

void child_stop(pid_t pid)
{
    uint64_t deadline = clock_mono_usec() + STOP_PATIENCE_USEC;

    if (pid <= 0)
        return;
    (void)kill(pid, SIGTERM);
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        if (clock_mono_usec() > deadline) {
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, NULL, 0);
            return;
        }
        (void)poll(NULL, 0, 20);
    }
}

int child_wait_port(uint32_t port, struct strbuf *err)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    uint64_t deadline = clock_mono_usec() + STOP_PATIENCE_USEC;

    do {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
            return 0;
        (void)poll(NULL, 0, 20);
    } while (clock_mono_usec() < deadline);
    strbuf_setf(err, "nothing listens on 127.0.0.1:%u", port);
    return -ETIMEDOUT;
}

/* Appends what a pipe holds; false at its end. Past the cap the rest is read and forgotten. */
static bool drain_pipe(int fd, struct strbuf *to)
{
    char chunk[16384];
    ssize_t n = read(fd, chunk, sizeof(chunk));

    if (n > 0 && to)
        (void)strbuf_add(to, chunk, (size_t)n);
    return n > 0 || (n < 0 && errno == EINTR);
}

static void gather(int out_fd, int err_fd, struct strbuf *out, struct strbuf *err)
{
    struct pollfd fds[2] = { { .fd = out_fd, .events = POLLIN },
                             { .fd = err_fd, .events = POLLIN } };
    struct strbuf *to[2] = { out, err };

    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        for (int i = 0; i < 2; i++)
            if (fds[i].fd >= 0 && fds[i].revents && !drain_pipe(fds[i].fd, to[i]))
                fds[i].fd = -1;
    }
}

int child_run(const char *const argv[], struct strbuf *out, struct strbuf *err)
{
    int out_pipe[2], err_pipe[2], status;
    pid_t pid;

    if (pipe2(out_pipe, O_CLOEXEC) < 0)
        return -errno;
    if (pipe2(err_pipe, O_CLOEXEC) < 0) {
        (void)close(out_pipe[0]);
        (void)close(out_pipe[1]);
        return -errno;
    }
    pid = fork();
    if (pid == 0)
        exec_child(argv, out_pipe[1], err_pipe[1]);
    (void)close(out_pipe[1]);
    (void)close(err_pipe[1]);
    if (pid > 0)
        gather(out_pipe[0], err_pipe[0], out, err);
    (void)close(out_pipe[0]);
    (void)close(err_pipe[0]);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -EAGAIN;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
