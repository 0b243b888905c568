/*
 * Starting processes: each in a session of its own (a Ctrl-C at the terminal reaches the supervisor
 * alone), with nothing inherited but what its spec lists, unable to gain privileges, and told to
 * stop when the supervisor dies.
 */
#pragma once

#include <sys/types.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/environment.h"

#define CHILD_ARGS_MAX 48
#define CHILD_LISTEN_MAX 2
#define CHILD_OWNED_MAX 8

/* Where a child finds the data directory; its listening sockets are at 3 and 4. */
#define CHILD_DIR_FD 9

struct child_spec {
    const char
        *argv[CHILD_ARGS_MAX + 1]; /* borrowed; argv[0] is the program unless exe_fd is set */
    int argc;
    int exe_fd;   /* run what this descriptor holds; -1 = argv[0] */
    int stdin_fd; /* -1 = /dev/null */
    int log_fd;   /* standard output and error */
    int dir_fd;   /* the data directory: its working directory, and CHILD_DIR_FD */
    int listen_fds[CHILD_LISTEN_MAX]; /* become 3 and 4, announced by LISTEN_FDS */
    int listen_count;
    int death_signal; /* what it gets when the supervisor dies */
    struct environment env;
    char *owned[CHILD_OWNED_MAX]; /* arguments made by child_argf() */
    int owned_count;
};

void child_spec_init(struct child_spec *spec);
void child_spec_release(struct child_spec *spec);
#define _cleanup_child_spec_ _cleanup_(child_spec_release)

/* Appends an argument; too many is a programming error and aborts. */
void child_arg(struct child_spec *spec, const char *arg);
int child_argf(struct child_spec *spec, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/* Returns once the program runs. <0 -errno with *err when it cannot be started. */
int child_spawn(const struct child_spec *spec, pid_t *ret_pid, struct strbuf *err) MUST_CHECK;
/* Runs it to its end. *err says how it failed. */
int child_run_to_end(const struct child_spec *spec, struct strbuf *err) MUST_CHECK;
/* "exit status 1", "killed by signal 9 (Killed)". */
void child_status_text(int status, struct strbuf *out);
