#include "stack/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LISTEN_FIRST_FD 3
/* Descriptors of the spec are moved above this before they are put where the child expects them. */
#define SCRATCH_FD 64
#define NOFILE_WANTED 65536

void child_spec_init(struct child_spec *spec)
{
    *spec = (struct child_spec){
        .exe_fd = -1, .stdin_fd = -1, .log_fd = -1, .dir_fd = -1, .death_signal = SIGTERM
    };
    environment_init(&spec->env);
}

void child_spec_release(struct child_spec *spec)
{
    environment_release(&spec->env);
    while (spec->owned_count)
        free(spec->owned[--spec->owned_count]);
}

void child_arg(struct child_spec *spec, const char *arg)
{
    if (spec->argc == CHILD_ARGS_MAX)
        abort();
    spec->argv[spec->argc++] = arg;
}

int child_argf(struct child_spec *spec, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    int r;

    if (spec->owned_count == CHILD_OWNED_MAX)
        abort();
    va_start(ap, fmt);
    r = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (r < 0)
        return -ENOMEM;
    spec->owned[spec->owned_count++] = text;
    child_arg(spec, text);
    return 0;
}

static void reset_signals(void)
{
    sigset_t none;

    (void)sigemptyset(&none);
    for (int sig = 1; sig < NSIG; sig++)
        if (sig != SIGKILL && sig != SIGSTOP)
            (void)signal(sig, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= NOFILE_WANTED)
        return;
    limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)NOFILE_WANTED);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* A copy out of the way of the low numbers; it closes at exec. -1 stays -1. */
static int lift(int fd)
{
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, SCRATCH_FD);
}

static int place(int fd, int wanted)
{
    if (fd < 0)
        return 0;
    return dup2(fd, wanted) < 0 ? -errno : 0;
}

static int arrange_descriptors(const struct child_spec *spec, int *error_fd, int *exe_fd)
{
    int in = lift(spec->stdin_fd), out = lift(spec->log_fd), dir = lift(spec->dir_fd);
    int sockets[CHILD_LISTEN_MAX];
    int r = 0;

    *error_fd = lift(*error_fd);
    *exe_fd = lift(spec->exe_fd);
    for (int i = 0; i < spec->listen_count; i++)
        sockets[i] = lift(spec->listen_fds[i]);
    if (spec->stdin_fd < 0)
        in = lift(open("/dev/null", O_RDONLY | O_CLOEXEC));
    (void)close_range(0, SCRATCH_FD - 1, 0);
    r = place(in, STDIN_FILENO);
    if (r == 0)
        r = place(out, STDOUT_FILENO);
    if (r == 0)
        r = place(out, STDERR_FILENO);
    for (int i = 0; r == 0 && i < spec->listen_count; i++)
        r = place(sockets[i], LISTEN_FIRST_FD + i);
    if (r == 0)
        r = place(dir, CHILD_DIR_FD);
    (void)close_range(SCRATCH_FD, ~0U, CLOSE_RANGE_CLOEXEC);
    return r;
}

/* LISTEN_PID can only be known in the child. */
static int announce_sockets(struct environment *env, int count)
{
    char number[16];
    int r;

    if (!count)
        return 0;
    (void)snprintf(number, sizeof(number), "%d", count);
    r = environment_set(env, "LISTEN_FDS", number);
    if (r < 0)
        return r;
    (void)snprintf(number, sizeof(number), "%d", (int)getpid());
    return environment_set(env, "LISTEN_PID", number);
}

static int become_child(const struct child_spec *spec, pid_t supervisor, int *error_fd)
{
    struct environment env = spec->env;
    int exe_fd, r;

    (void)setsid();
    reset_signals();
    raise_descriptor_limit();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_PDEATHSIG, spec->death_signal, 0, 0, 0) < 0)
        return -errno;
    if (getppid() != supervisor) /* it died before the line above */
        return -ESRCH;
    r = arrange_descriptors(spec, error_fd, &exe_fd);
    if (r == 0)
        r = announce_sockets(&env, spec->listen_count);
    if (r < 0)
        return r;
    if (spec->dir_fd >= 0 && fchdir(CHILD_DIR_FD) < 0)
        return -errno;
    if (exe_fd >= 0)
        (void)fexecve(exe_fd, (char *const *)spec->argv, env.items);
    else
        (void)execve(spec->argv[0], (char *const *)spec->argv, env.items);
    return -errno;
}

int child_spawn(const struct child_spec *spec, pid_t *ret_pid, struct strbuf *err)
{
    _cleanup_close_ int read_fd = -1;
    pid_t pid, self = getpid();
    int ends[2], failure = 0;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        failure = -errno;
        strbuf_setf(err, "%s cannot be started: %s", spec->argv[0], strerror(-failure));
        return failure;
    }
    read_fd = ends[0];
    pid = fork();
    if (pid == 0) {
        failure = become_child(spec, self, &ends[1]);
        (void)!write(ends[1], &failure, sizeof(failure));
        _exit(127);
    }
    failure = pid < 0 ? -errno : 0;
    (void)close(ends[1]);
    /* The pipe closes at exec: nothing to read means that the program runs. */
    if (failure == 0 && read(read_fd, &failure, sizeof(failure)) > 0)
        (void)waitpid(pid, NULL, 0);
    if (failure < 0) {
        strbuf_setf(err, "%s cannot be started: %s", spec->argv[0], strerror(-failure));
        return failure;
    }
    *ret_pid = pid;
    return 0;
}

void child_status_text(int status, struct strbuf *out)
{
    if (WIFSIGNALED(status))
        (void)strbuf_addf(out, "killed by signal %d (%s)", WTERMSIG(status),
                          strsignal(WTERMSIG(status)));
    else
        (void)strbuf_addf(out, "exit status %d", WEXITSTATUS(status));
}

int child_run_to_end(const struct child_spec *spec, struct strbuf *err)
{
    pid_t pid = 0;
    int status = 0, r;

    r = child_spawn(spec, &pid, err);
    if (r < 0)
        return r;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    strbuf_setf(err, "%s: ", spec->argv[0]);
    child_status_text(status, err);
    return -EIO;
}
