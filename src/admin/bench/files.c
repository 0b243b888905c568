#include "admin/bench/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embedded.h"

extern const struct embedded_file sluice_bench_files[];

struct span file_embedded(const char *name)
{
    for (const struct embedded_file *f = sluice_bench_files; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return span_of(f->begin, (size_t)(f->end - f->begin));
    abort();
}

int file_write(const char *path, struct span content)
{
    FILE *file = fopen(path, "we");
    size_t written;

    if (!file)
        return -errno;
    written = fwrite(content.ptr, 1, content.len, file);
    return fclose(file) == 0 && written == content.len ? 0 : -EIO;
}
