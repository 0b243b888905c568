/*
 * What processes cost, as the kernel accounts it (proc(5)): CPU time of a process with all it
 * started, also those that have ended and were reaped, and memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"

struct usage {
    double cpu_seconds;
    uint64_t memory_bytes; /* now: private memory of all of them, shared memory once */
    uint64_t peak_bytes;   /* VmHWM of the process itself */
};

/* Of the process alone, or with all it started (PostgreSQL's backends). -ESRCH when there is no
 * such process. */
int usage_of(pid_t pid, bool with_children, struct usage *ret) MUST_CHECK;

/* Bytes of memory that this machine, or the control group we are in, has; 0 = not known. */
uint64_t memory_limit(void);
