#include "stack/call.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "stack/control.h"

#define ANSWER_PATIENCE_SEC 5

static int connect_to(const struct layout *layout, int *ret_fd)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (fd < 0)
        return -errno;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" CONTROL_SOCKET,
                   layout->dir_fd);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return errno == ECONNREFUSED ? -ENOENT : -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int send_request(int fd, const char *request, int pass_fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { 0 };
    struct iovec part = { (void *)request, strlen(request) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (pass_fd >= 0) {
        struct cmsghdr *header;

        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &pass_fd, sizeof(pass_fd));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int read_answers(int fd, char *packet, struct strbuf *data, struct strbuf *line)
{
    for (;;) {
        ssize_t n = recv(fd, packet, CONTROL_PACKET_MAX, 0);
        struct span text = span_of(packet + 1, n > 0 ? (size_t)n - 1 : 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            strbuf_setf(line, "the supervisor does not answer");
            return -ETIMEDOUT;
        }
        if (n <= 0) {
            strbuf_setf(line, "the supervisor went away without an answer");
            return -ECONNRESET;
        }
        if (packet[0] == '-') {
            fprintf(stderr, "%.*s\n", SPAN_ARG(text));
        } else if (packet[0] == '+') {
            (void)strbuf_addspan(data, text);
        } else {
            (void)strbuf_addspan(line, text);
            return packet[0] - '0';
        }
    }
}

/* The others take as long as processes take to stop and start. */
static bool is_answered_at_once(const char *request)
{
    return strncmp(request, "status", 6) == 0 || strcmp(request, "database-url") == 0;
}

int call_supervisor(const struct layout *layout, const char *request, int pass_fd,
                    struct strbuf *data, struct strbuf *line)
{
    const struct timeval patience = { .tv_sec = ANSWER_PATIENCE_SEC };
    _cleanup_close_ int fd = -1;
    _cleanup_free_ char *packet = malloc(CONTROL_PACKET_MAX);
    int r = packet ? connect_to(layout, &fd) : -ENOMEM;

    if (r == 0 && is_answered_at_once(request))
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (r == 0)
        r = send_request(fd, request, pass_fd);
    if (r < 0) {
        if (r != -ENOENT)
            strbuf_setf(line, "the supervisor cannot be asked: %s", strerror(-r));
        return r;
    }
    return read_answers(fd, packet, data, line);
}
