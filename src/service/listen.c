#include "service/listen.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/number.h"
#include "base/span.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static uint64_t number_of(const char *name)
{
    const char *text = getenv(name);
    uint64_t v = 0;

    return text && parse_u64(span_str(text), &v) == 0 ? v : 0;
}

static bool is_listening(int fd)
{
    int on = 0;
    socklen_t len = sizeof(on);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

static int take(int fd)
{
    return is_listening(fd) && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? fd : -1;
}

void listen_inherited(struct listen_sockets *ret)
{
    bool ours = number_of("LISTEN_PID") == (uint64_t)getpid();
    uint64_t count = ours ? number_of("LISTEN_FDS") : 0;

    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    ret->service = count > 0 ? take(FIRST_FD) : -1;
    ret->observer = count > 1 ? take(FIRST_FD + 1) : -1;
}
