#include "stack/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/strbuf.h"

static void drop(struct control_client *client)
{
    if (client->fd < 0)
        return;
    loop_unwatch(client->control->loop, &client->source);
    fd_closep(&client->fd);
    client->control->gone(client->control->ctx, client);
}

/* A client that does not read is dropped: the supervisor waits for nobody. */
static void send_packet(struct control_client *client, char kind, struct span text)
{
    struct iovec parts[] = { { &kind, 1 }, { (void *)text.ptr, text.len } };
    const struct msghdr message = { .msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts) };

    if (client->fd >= 0 && sendmsg(client->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        drop(client);
}

void control_progress(struct control *c, const char *line)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (c->clients[i].fd >= 0 && c->clients[i].follows)
            send_packet(&c->clients[i], '-', span_str(line));
}

void control_data(struct control_client *client, struct span data)
{
    send_packet(client, '+', data);
}

void control_finish(struct control_client *client, int exit_status, const char *line)
{
    send_packet(client, (char)('0' + exit_status), span_str(line));
    drop(client);
}

static int descriptor_of(struct msghdr *message)
{
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    int fd;

    if (!part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
        return -1;
    memcpy(&fd, CMSG_DATA(part), sizeof(fd));
    return fd;
}

static void on_client(void *ctx, uint32_t events)
{
    struct control_client *client = ctx;
    char text[CONTROL_REQUEST_MAX + 1] = "";
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = { text, CONTROL_REQUEST_MAX };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof(control.bytes) };

    (void)events;
    if (recvmsg(client->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0) {
        drop(client);
        return;
    }
    client->control->request(client->control->ctx, client, text, descriptor_of(&message));
}

static void on_connection(void *ctx, uint32_t events)
{
    struct control *c = ctx;
    int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    for (size_t i = 0; fd >= 0 && i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *client = &c->clients[i];

        if (client->fd >= 0)
            continue;
        client->follows = false;
        if (loop_watch(c->loop, &client->source, fd, EPOLLIN) < 0)
            break;
        client->fd = fd;
        return;
    }
    if (fd >= 0)
        (void)close(fd);
}

int control_init(struct control *c, struct loop *loop, int data_dir_fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    c->loop = loop;
    c->source = (struct loop_source){ .fd = -1, .fn = on_connection, .ctx = c };
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *client = &c->clients[i];

        *client = (struct control_client){ .control = c, .fd = -1 };
        client->source = (struct loop_source){ .fd = -1, .fn = on_client, .ctx = client };
    }
    c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return -errno;
    /* The path itself may be longer than a socket address takes. */
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" CONTROL_SOCKET,
                   data_dir_fd);
    (void)unlinkat(data_dir_fd, CONTROL_SOCKET, 0);
    if (bind(c->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(c->fd, CONTROL_CLIENTS_MAX) < 0)
        return -errno;
    return loop_watch(loop, &c->source, c->fd, EPOLLIN);
}

void control_release(struct control *c)
{
    if (!c->loop)
        return;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        drop(&c->clients[i]);
    loop_unwatch(c->loop, &c->source);
    fd_closep(&c->fd);
}
