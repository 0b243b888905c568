/*
 * Processes that a supervisor left behind when it was killed. Each is recorded in run/processes as
 * it starts, with the time of its birth, so that no later process of the same pid is ever taken for
 * it.
 */
#pragma once

#include <sys/types.h>

#include "base/macros.h"
#include "base/strbuf.h"

/* What the supervisor itself is called in the list; it comes first. */
#define LEFTOVERS_SUPERVISOR "supervisor"
/* Appends one line of run/processes. */
void leftovers_line(struct strbuf *out, const char *name, pid_t pid, uint64_t birth,
                    int stop_signal);
/* Writes the list. */
int leftovers_record(int data_dir_fd, struct span lines) MUST_CHECK;
/* The supervisor that wrote the list: its pid, and in *ret_fd a pidfd if that is wanted. 0 when it
 * is not alive. */
pid_t leftovers_supervisor(int data_dir_fd, int *ret_fd);
/* Stops what is still alive of the list, and a PostgreSQL that serves the cluster; waits for their
 * end, kills what does not stop. Runs with the rights of their owner. Returns how many there were.
 */
int leftovers_stop(int data_dir_fd);
