#include "stack/ports.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int resolve(const char *host, uint32_t port, struct addrinfo **ret)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM };
    char service[16];

    (void)snprintf(service, sizeof(service), "%u", port);
    return getaddrinfo(host, service, &hints, ret) == 0 ? 0 : -EINVAL;
}

static int listen_on(const struct addrinfo *address, int *ret_fd)
{
    _cleanup_close_ int fd =
        socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
               address->ai_protocol);
    const int on = 1;

    if (fd < 0)
        return -errno;
    /* What lingers in TIME_WAIT after a quick restart does not matter. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int port_listen(const char *host, uint32_t port, int *ret_fd)
{
    struct addrinfo *found;
    int r = resolve(host, port, &found);

    if (r < 0)
        return r;
    r = listen_on(found, ret_fd);
    freeaddrinfo(found);
    return r;
}

uint32_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address = { 0 };
    socklen_t len = sizeof(address);

    if (getsockname(fd, &address.any, &len) < 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET ? address.in.sin_port : address.in6.sin6_port);
}

bool port_is_free(uint32_t port)
{
    _cleanup_close_ int fd = -1;

    return port_listen("127.0.0.1", port, &fd) == 0;
}
