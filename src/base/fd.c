/* Scope-end close for descriptors; errno survives it, so that an error can be returned after it. */
#include "base/macros.h"

#include <errno.h>
#include <unistd.h>

void fd_closep(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    errno = saved;
}
