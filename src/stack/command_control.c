/* `sluice status`, `down` and `restart`: one question to the supervisor. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stack/call.h"
#include "stack/control.h"
#include "stack/leftovers.h"
#include "stack/options.h"
#include "stack/site.h"
#include "stack/stack.h"

#define REPLY_MAX_BYTES ((size_t)256 << 10)

/* Parses and opens the data directory. 0: go on. >0: the exit status, plus one. */
static int open_stack(const struct options_command *command, int argc, char **argv,
                      struct options *options, struct layout *layout)
{
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, 4096);
    r = options_parse(options, command, argc, argv, &err);
    if (r > 0)
        return 1;
    if (r < 0) {
        fprintf(stderr, "sluice %s: %s\n", command->name, err.ptr);
        return 2 + 1;
    }
    r = layout_open(layout, options->data, &err);
    if (r == 0)
        return 0;
    if (options->json)
        puts("[]");
    fprintf(stderr, "sluice %s: %s\n", command->name, err.ptr);
    return (r == -ENOENT ? STACK_NOT_RUNNING : 1) + 1;
}

/* Asks and prints; the exit status. */
static int ask(const struct options_command *command, const struct layout *layout,
               const char *request, int pass_fd)
{
    _cleanup_strbuf_ struct strbuf data, line;
    int r;

    strbuf_init(&data, REPLY_MAX_BYTES);
    strbuf_init(&line, 4096);
    r = call_supervisor(layout, request, pass_fd, &data, &line);
    fputs(data.ptr, stdout);
    if (r == -ENOENT) {
        fprintf(stderr, "nothing runs in %s\n", layout->shown);
        return STACK_NOT_RUNNING;
    }
    if (r != 0)
        fprintf(stderr, "sluice %s: %s\n", command->name, line.ptr);
    else if (line.len)
        fprintf(stderr, "%s\n", line.ptr);
    return r < 0 ? 1 : r;
}

int stack_status(int argc, char **argv)
{
    static const struct options_command command = {
        .name = "status",
        .about =
            "Shows every process of the stack: its pid, port and state. Exit status 3: nothing "
            "runs.",
        .flags = OPTION_JSON,
    };
    _cleanup_layout_ struct layout layout = LAYOUT_INIT;
    struct options options;
    int r = open_stack(&command, argc, argv, &options, &layout);

    if (r)
        return r - 1;
    r = ask(&command, &layout, options.json ? "status-json" : "status", -1);
    if (r == STACK_NOT_RUNNING && options.json)
        puts("[]");
    return r;
}

/* A supervisor that was killed may have left its children. */
static int stop_leftovers(const struct layout *layout)
{
    int count = leftovers_stop(layout->dir_fd);

    if (count)
        fprintf(stderr, "stopped %d processes that a killed supervisor had left in %s\n", count,
                layout->shown);
    else
        fprintf(stderr, "nothing runs in %s\n", layout->shown);
    return 0;
}

/* The supervisor answers just before it ends. */
static void wait_for_end(int pidfd)
{
    struct pollfd ended = { .fd = pidfd, .events = POLLIN };

    while (pidfd >= 0 && poll(&ended, 1, -1) < 0 && errno == EINTR)
        ;
}

int stack_down(int argc, char **argv)
{
    static const struct options_command command = {
        .name = "down",
        .about =
            "Drains and stops the stack, and returns when everything has stopped. The data stay.",
    };
    _cleanup_layout_ struct layout layout = LAYOUT_INIT;
    _cleanup_strbuf_ struct strbuf data, line;
    _cleanup_close_ int supervisor = -1;
    struct options options;
    int r = open_stack(&command, argc, argv, &options, &layout);

    strbuf_init(&data, REPLY_MAX_BYTES);
    strbuf_init(&line, 4096);
    if (r)
        return r - 1 == STACK_NOT_RUNNING ? 0 : r - 1;
    (void)leftovers_supervisor(layout.dir_fd, &supervisor);
    r = call_supervisor(&layout, "down", -1, &data, &line);
    if (r == -ENOENT)
        return stop_leftovers(&layout);
    wait_for_end(supervisor);
    if (r != 0)
        fprintf(stderr, "sluice down: %s\n", line.ptr);
    return r < 0 ? 1 : r;
}

int stack_restart(int argc, char **argv)
{
    static const struct options_command command = {
        .name = "restart",
        .about =
            "Replaces a role's processes, one after the other: the new one serves before the old "
            "one stops,\nso that no request is lost. It runs this very program: that is how a "
            "new build comes into service.\nservers (postgres, nats-server, prometheus) are "
            "stopped and started.",
        .word = "ROLE",
    };
    _cleanup_layout_ struct layout layout = LAYOUT_INIT;
    _cleanup_strbuf_ struct strbuf err;
    struct options options;
    struct site site;
    char request[CONTROL_REQUEST_MAX];
    int r = open_stack(&command, argc, argv, &options, &layout);

    strbuf_init(&err, 4096);
    if (r)
        return r - 1;
    site_init(&site);
    site.identity.switched = geteuid() == 0;
    if (site_open_program(&site, &err) < 0 ||
        snprintf(request, sizeof(request), "restart %s", options.role) >= (int)sizeof(request)) {
        fprintf(stderr, "sluice restart: %s\n", err.len ? err.ptr : "there is no such process");
        r = 2;
    } else {
        r = ask(&command, &layout, request, site.exe_fd);
    }
    site_release(&site);
    return r;
}
