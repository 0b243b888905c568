/*
 * The log files of a stack, log/<process>.log. Children write to them directly, so that no child
 * ever waits for the supervisor; they append, so that a file can be cut to nothing under their
 * hands. A file that has grown past LOGS_MAX_BYTES is copied to <process>.log.1 and cut.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"

#define LOGS_MAX_BYTES (UINT64_C(64) << 20)
/* "log/" + name + ".log.1" */
#define LOGS_PATH_MAX 64

void logs_path(const char *name, char ret[LOGS_PATH_MAX]);
/* For appending; made if it is missing. <0 -errno. */
int logs_open(int data_dir_fd, const char *name, int *ret_fd) MUST_CHECK;
/* Cuts the files of a data directory that are larger than max_bytes. */
void logs_rotate(int data_dir_fd, uint64_t max_bytes);
