/* A server that answers each request with the next answer of a script, for tests of HTTP clients.
 */
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRIPT_REQUESTS_MAX 32
#define SCRIPT_REQUEST_BYTES 65536

struct http_script {
    const char *const
        *answers; /* whole HTTP answers; "" closes without one; NULL ends the script */
    int listen_fd;
    unsigned port;
    pthread_t thread;
    size_t count; /* requests taken */
    char *requests[SCRIPT_REQUESTS_MAX];
};

/* Reads one request with its Content-Length. False when the client closed. */
static inline int script_read(int fd, char *buf)
{
    size_t len = 0;

    for (;;) {
        char *body, *header;
        ssize_t n = read(fd, buf + len, SCRIPT_REQUEST_BYTES - 1 - len);

        if (n <= 0)
            return 0;
        len += (size_t)n;
        buf[len] = '\0';
        body = strstr(buf, "\r\n\r\n");
        header = strstr(buf, "Content-Length: ");
        if (body && (!header || len >= (size_t)(body + 4 - buf) + strtoul(header + 16, NULL, 10)))
            return 1;
    }
}

/* One request a connection: the answers say Connection: close. */
static inline void script_serve(struct http_script *s, int fd)
{
    char *buf = malloc(SCRIPT_REQUEST_BYTES);

    if (script_read(fd, buf)) {
        const char *answer = s->answers[s->count];

        s->requests[s->count++] = strdup(buf);
        (void)!write(fd, answer, strlen(answer));
    }
    free(buf);
    (void)close(fd);
}

static inline void *script_main(void *arg)
{
    struct http_script *s = arg;

    while (s->answers[s->count]) {
        int fd = accept(s->listen_fd, NULL, NULL);

        if (fd < 0)
            break;
        script_serve(s, fd);
    }
    return NULL;
}

static inline void script_start(struct http_script *s, const char *const *answers)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);

    *s = (struct http_script){ .answers = answers };
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address));
    (void)listen(s->listen_fd, 8);
    (void)getsockname(s->listen_fd, (struct sockaddr *)&address, &len);
    s->port = ntohs(address.sin_port);
    (void)pthread_create(&s->thread, NULL, script_main, s);
}

static inline void script_stop(struct http_script *s)
{
    (void)shutdown(s->listen_fd, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->listen_fd);
    for (size_t i = 0; i < s->count; i++)
        free(s->requests[i]);
}
