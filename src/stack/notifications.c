#include "stack/notifications.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

static pid_t sender_of(struct msghdr *message)
{
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    struct ucred who;

    if (!part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS)
        return 0;
    memcpy(&who, CMSG_DATA(part), sizeof(who));
    return who.pid;
}

static void on_message(void *ctx, uint32_t events)
{
    struct notifications *n = ctx;
    char text[256] = "";
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct iovec part = { text, sizeof(text) - 1 };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof(control.bytes) };
    pid_t pid;

    (void)events;
    if (recvmsg(n->fd, &message, MSG_DONTWAIT) <= 0)
        return;
    pid = sender_of(&message);
    if (pid > 0 && strstr(text, "READY=1"))
        n->ready(n->ctx, pid);
}

int notifications_init(struct notifications *n, struct loop *loop,
                       void (*ready)(void *ctx, pid_t pid), void *ctx)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t len = sizeof(address);
    const int on = 1;

    *n = (struct notifications){ .source = { .fd = -1, .fn = on_message, .ctx = n },
                                 .ready = ready,
                                 .ctx = ctx };
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Bound to the family alone, the kernel chooses a free name (unix(7), autobind). */
    if (n->fd < 0 || setsockopt(n->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
        bind(n->fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
        getsockname(n->fd, (struct sockaddr *)&address, &len) < 0)
        return -errno;
    (void)snprintf(n->name, sizeof(n->name), "@%.*s",
                   (int)(len - offsetof(struct sockaddr_un, sun_path) - 1), address.sun_path + 1);
    return loop_watch(loop, &n->source, n->fd, EPOLLIN);
}

void notifications_release(struct notifications *n, struct loop *loop)
{
    loop_unwatch(loop, &n->source);
    fd_closep(&n->fd);
}
