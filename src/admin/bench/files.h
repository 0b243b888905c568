/* Files of the benchmark: those of bench/files/ that the build put into the binary, and writing
 * them out. */
#pragma once

#include "base/macros.h"
#include "base/span.h"

/* The bytes of bench/files/<name>; a name that is not there is a programming error and aborts. */
struct span file_embedded(const char *name);
int file_write(const char *path, struct span content) MUST_CHECK;
