/* Programs the benchmark runs beside the stack: nginx, wrk, psql, the stack's own launcher. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"
#include "base/strbuf.h"

/* Whether a program is on PATH (or in /usr/sbin). */
bool child_exists(const char *program);

/* Starts argv[0] with output to /dev/null; it dies with us. */
int child_start(const char *const argv[], pid_t *ret_pid) MUST_CHECK;
/* SIGTERM, and SIGKILL after 10 s; reaps it. */
void child_stop(pid_t pid);

/* Waits until something accepts on 127.0.0.1:port; 10 s at most, then -ETIMEDOUT. */
int child_wait_port(uint32_t port, struct strbuf *err) MUST_CHECK;

/* Runs argv to its end and gathers standard output (*out may be NULL; capped by its cap). The exit
 * status, or <0. Standard error is gathered into *err. */
int child_run(const char *const argv[], struct strbuf *out, struct strbuf *err) MUST_CHECK;
