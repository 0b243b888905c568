/* A directory of a test's own, gone at its end. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stack/files.h"

struct folder {
    char path[64];
    int fd;
};

static inline struct folder folder_new(void)
{
    struct folder f = { .fd = -1 };

    (void)snprintf(f.path, sizeof(f.path), "/tmp/sluice-test-stack-XXXXXX");
    if (!mkdtemp(f.path))
        abort();
    f.fd = open(f.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return f;
}

static inline void folder_remove(struct folder *f)
{
    if (dir_remove(AT_FDCWD, f->path) < 0)
        abort();
    (void)close(f->fd);
}
#define _cleanup_folder_ _cleanup_(folder_remove)
