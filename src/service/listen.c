#include "service/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/number.h"
#include "base/span.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define FDS_MAX 64

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

/* Where the socket goes. */
static int *place_of(struct listen_sockets *sockets, struct span name, bool named, int fd)
{
    if (named ? span_eq(name, SPAN("observer")) : fd == FIRST_FD + 1)
        return &sockets->observer;
    return &sockets->service;
}

static int take(int fd, int *place, struct strbuf *err)
{
    if (!is_listening(fd) || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        strbuf_setf(err,
                    "descriptor %d, handed over by LISTEN_FDS, is no listening socket (a systemd "
                    "socket unit needs ListenStream= and Accept=no)",
                    fd);
        return -EINVAL;
    }
    if (*place >= 0) {
        strbuf_setf(err,
                    "LISTEN_FDS hands over more sockets than a service takes: one, and another "
                    "called \"observer\" (FileDescriptorName= of a systemd socket unit)");
        return -EINVAL;
    }
    *place = fd;
    return 0;
}

static int take_all(struct listen_sockets *ret, struct strbuf *err)
{
    const char *text = getenv("LISTEN_FDNAMES");
    struct span names = span_str(text), name = SPAN_NONE;
    uint64_t count = MIN(number_of("LISTEN_FDS"), (uint64_t)FDS_MAX);
    int r = 0;

    for (int fd = FIRST_FD; r == 0 && fd < FIRST_FD + (int)count; fd++) {
        if (!span_split(&names, ':', &name))
            name = SPAN_NONE;
        r = take(fd, place_of(ret, name, text != NULL, fd), err);
    }
    return r;
}

int listen_inherited(struct listen_sockets *ret, struct strbuf *err)
{
    int r = 0;

    *ret = (struct listen_sockets){ .service = -1, .observer = -1 };
    if (number_of("LISTEN_PID") == (uint64_t)getpid())
        r = take_all(ret, err);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return r;
}
