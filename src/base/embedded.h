/* Files that the build put into the binary (cmake/embed.cmake): constant, never freed. */
#pragma once

#include <stddef.h>

struct embedded_file {
    const char *name;  /* file name without folder; NULL ends a list */
    const char *begin; /* the bytes, followed by a NUL */
    const char *end;
};
