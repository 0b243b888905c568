/*
 * Small files under the data directory. Paths are relative to a directory descriptor, because the
 * directory may stand where its owner cannot reach it by name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

/* Appends the whole file to *out. <0 -errno; -ENOBUFS when it is larger than out's cap. */
int file_read(int dir_fd, const char *path, struct strbuf *out) MUST_CHECK;
/* Replaces the file in one step (write beside it, rename). Readable by its owner only. durable: it
 * is on the disk when this returns. */
int file_replace(int dir_fd, const char *path, struct span content, bool durable) MUST_CHECK;
/* Makes the directory (0700) if it is missing. */
int dir_ensure(int dir_fd, const char *path) MUST_CHECK;
/* Deletes a directory and all it holds; a missing one is fine. */
int dir_remove(int dir_fd, const char *path) MUST_CHECK;
/* Writes everything, through interruptions and short writes. */
int fd_write_all(int fd, struct span data);
/* The last `bytes` of a file, cut at a line start; empty when it cannot be read. */
void file_tail(int dir_fd, const char *path, size_t bytes, struct strbuf *out);
