/* `sluice up` and `sluice demo`: in the foreground, or detached with someone waiting for the
 * outcome. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack/files.h"
#include "stack/stack.h"
#include "stack/supervisor.h"

static int run_foreground(struct supervisor *s)
{
    if (isatty(STDERR_FILENO) && isatty(STDOUT_FILENO)) {
        s->teller.mode = TELLER_PLAIN;
        s->teller.console_fd = STDERR_FILENO;
        s->view.fd = STDOUT_FILENO;
    }
    return supervisor_run(s);
}

/* Nothing of the terminal, or of whoever reads our output, is kept; what a crash prints goes to the
 * log. */
static void leave_terminal(const struct supervisor *s)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)setsid();
    (void)dup2(null_fd, STDIN_FILENO);
    (void)dup2(null_fd, STDOUT_FILENO);
    (void)dup2(s->teller.file.fd, STDERR_FILENO);
    (void)close(null_fd);
}

static int run_detached(struct supervisor *s, int starter_fd)
{
    leave_terminal(s);
    s->starter_fd = starter_fd;
    s->teller.mode = TELLER_PLAIN;
    s->teller.console_fd = starter_fd;
    return supervisor_run(s);
}

/* Shows the progress as it comes; then the outcome's byte, and what it says. */
static int wait_for_outcome(int fd)
{
    char outcome = 0, chunk[4096];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
        struct span text;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        text = span_of(chunk, (size_t)n);
        for (size_t i = 0; !outcome && i < text.len; i++) {
            if (chunk[i] != SUPERVISOR_STARTED && chunk[i] != SUPERVISOR_FAILED)
                continue;
            (void)fd_write_all(STDERR_FILENO, span_of(chunk, i));
            outcome = chunk[i];
            text = span_of(chunk + i + 1, text.len - i - 1);
        }
        (void)fd_write_all(outcome == SUPERVISOR_STARTED ? STDOUT_FILENO : STDERR_FILENO, text);
    }
    if (outcome == SUPERVISOR_STARTED)
        return 0;
    fputs(outcome ? "\n"
                  : "sluice up: the supervisor ended without a word; see log/supervisor.log\n",
          stderr);
    return 1;
}

static int detach(struct supervisor *s)
{
    int ends[2], status;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        fprintf(stderr, "sluice up: %s\n", strerror(errno));
        return 1;
    }
    if (pid == 0) {
        (void)close(ends[0]);
        return run_detached(s, ends[1]);
    }
    (void)close(ends[1]);
    fd_closep(&s->site.layout.lock_fd); /* the supervisor alone holds the lock */
    status = wait_for_outcome(ends[0]);
    if (status)
        (void)waitpid(pid, NULL, 0); /* it has stopped everything when we return */
    return status;
}

static void say_error(const char *command, const struct strbuf *err)
{
    fprintf(stderr, "sluice %s: %s\n", command, err->ptr);
}

static int run(const struct options_command *command, int argc, char **argv, bool with_publisher)
{
    _cleanup_free_ struct supervisor *s = malloc(sizeof(*s));
    _cleanup_strbuf_ struct strbuf err;
    struct options options;
    int r;

    strbuf_init(&err, FAILURE_MAX_BYTES);
    r = options_parse(&options, command, argc, argv, &err);
    if (r < 0)
        say_error(command->name, &err);
    if (r || !s)
        return r > 0 ? 0 : 2;
    (void)close_range(STDERR_FILENO + 1, ~0U, 0);
    supervisor_init(s, options, with_publisher);
    r = supervisor_setup(s, &err);
    if (r < 0) {
        say_error(command->name, &err);
        r = 1;
    } else {
        r = options.detach ? detach(s) : run_foreground(s);
    }
    supervisor_release(s);
    return r;
}

int stack_up(int argc, char **argv)
{
    static const struct options_command command = {
        .name = "up",
        .about =
            "Starts everything on this machine: a private nats-server and PostgreSQL, the "
            "schema, the streams,\nthe roles and Prometheus. NATS_URL or DATABASE_URL set: that "
            "server is used and none is started.",
        .flags = OPTION_PORT_BASE | OPTION_SCALE | OPTION_CLUSTER | OPTION_DETACH,
    };

    return run(&command, argc, argv, /* with_publisher= */ false);
}

int stack_demo(int argc, char **argv)
{
    static const struct options_command command = {
        .name = "demo",
        .about = "Starts everything, as up does, and a publisher that sends random events.",
        .flags = OPTION_PORT_BASE | OPTION_SCALE | OPTION_CLUSTER | OPTION_DETACH,
    };

    return run(&command, argc, argv, /* with_publisher= */ true);
}
