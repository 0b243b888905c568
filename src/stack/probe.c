#include "stack/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"

#define ANSWER_MAX_BYTES ((size_t)4 << 20)
#define DEADLINE_USEC (3 * USEC_PER_SEC)
#define POSTGRES_PROTOCOL_3_0 196608

void probe_cancel(struct probe *p)
{
    loop_timer_cancel(p->loop, &p->deadline);
    loop_unwatch(p->loop, &p->source);
    fd_closep(&p->fd);
}

static void finish(struct probe *p, int failed)
{
    probe_cancel(p);
    p->done(p, failed);
}

static void on_deadline(void *ctx)
{
    finish(ctx, -ETIMEDOUT);
}

static void read_answer(struct probe *p)
{
    char chunk[16384];
    ssize_t n = read(p->fd, chunk, sizeof(chunk));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0 || (n > 0 && strbuf_add(&p->answer, chunk, (size_t)n) < 0))
        finish(p, n < 0 ? -errno : -EMSGSIZE);
    else if (n == 0 || !p->until_close)
        finish(p, p->answer.len ? 0 : -ECONNRESET);
}

/* The request fits the socket's empty buffer, so that one write takes it all. */
static int send_request(struct probe *p)
{
    int failure = 0;
    socklen_t len = sizeof(failure);

    (void)getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
    if (failure)
        return -failure;
    if (send(p->fd, p->request.ptr, p->request.len, MSG_NOSIGNAL) != (ssize_t)p->request.len)
        return -EIO;
    p->sent = true;
    loop_unwatch(p->loop, &p->source);
    return loop_watch(p->loop, &p->source, p->fd, EPOLLIN);
}

static void on_event(void *ctx, uint32_t events)
{
    struct probe *p = ctx;
    int r;

    (void)events;
    if (p->sent) {
        read_answer(p);
        return;
    }
    r = send_request(p);
    if (r < 0)
        finish(p, r);
}

void probe_init(struct probe *p, struct loop *loop, void (*done)(struct probe *p, int failed),
                void *ctx)
{
    *p = (struct probe){ .loop = loop,
                         .source = { .fd = -1, .fn = on_event, .ctx = p },
                         .deadline = { .fn = on_deadline, .ctx = p },
                         .fd = -1,
                         .done = done,
                         .ctx = ctx };
    strbuf_init(&p->request, 1024);
    strbuf_init(&p->answer, ANSWER_MAX_BYTES);
}

void probe_release(struct probe *p)
{
    probe_cancel(p);
    strbuf_release(&p->request);
    strbuf_release(&p->answer);
}

/* Whatever goes wrong here comes out as the deadline: at once. */
static void begin(struct probe *p, uint32_t port, bool until_close)
{
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_port = htons((uint16_t)port),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    bool begun;

    strbuf_reset(&p->answer);
    p->until_close = until_close;
    p->sent = false;
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    begun = p->fd >= 0 && !strbuf_error(&p->request) &&
            (connect(p->fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
             errno == EINPROGRESS) &&
            loop_watch(p->loop, &p->source, p->fd, EPOLLOUT) == 0;
    loop_timer_in(p->loop, &p->deadline, begun ? DEADLINE_USEC : 0);
}

void probe_http(struct probe *p, uint32_t port, const char *path)
{
    strbuf_reset(&p->request);
    (void)strbuf_addf(&p->request, "GET %s HTTP/1.0\r\nHost: 127.0.0.1:%u\r\n\r\n", path, port);
    begin(p, port, /* until_close= */ true);
}

void probe_postgres(struct probe *p, uint32_t port)
{
    static const char parameters[] = "user\0sluice\0database\0sluice\0";
    const uint32_t head[2] = { htonl(sizeof(head) + sizeof(parameters)),
                               htonl(POSTGRES_PROTOCOL_3_0) };

    strbuf_reset(&p->request);
    (void)strbuf_add(&p->request, head, sizeof(head));
    (void)strbuf_add(&p->request, parameters, sizeof(parameters));
    begin(p, port, /* until_close= */ false);
}

unsigned probe_http_status(const struct probe *p)
{
    static const char protocol[] = "HTTP/1.";
    uint32_t status;

    if (p->answer.len < 12 || memcmp(p->answer.ptr, protocol, sizeof(protocol) - 1) != 0 ||
        parse_u32(span_of(p->answer.ptr + 9, 3), &status) < 0)
        return 0;
    return status;
}

struct span probe_http_body(const struct probe *p)
{
    const char *end = memmem(p->answer.ptr, p->answer.len, "\r\n\r\n", 4);

    if (!end)
        return SPAN_NONE;
    return span_of(end + 4, (size_t)(p->answer.ptr + p->answer.len - end - 4));
}

enum probe_postgres probe_postgres_state(const struct probe *p)
{
    static const char starting_up[] = "C57P03"; /* field C: the SQLSTATE cannot_connect_now */

    if (p->answer.len && p->answer.ptr[0] == 'R')
        return PROBE_POSTGRES_READY;
    if (memmem(p->answer.ptr, p->answer.len, starting_up, sizeof(starting_up) - 1))
        return PROBE_POSTGRES_STARTING;
    return PROBE_POSTGRES_AWAY;
}
