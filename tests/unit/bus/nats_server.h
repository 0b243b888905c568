/*
 * A real nats-server of a test's own: a free port on 127.0.0.1, a store in a temporary folder,
 * killed at the end, also when the test process dies.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"

struct nats_server {
    pid_t pid; /* 0 = not running */
    int port;
    char dir[64];
    char url[64];
};

UNUSED static struct sockaddr_in nats_server_address(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

UNUSED static int nats_server_free_port(void)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = nats_server_address(0);
    socklen_t len = sizeof(a);

    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        return -1;
    return ntohs(a.sin_port);
}

UNUSED static bool nats_server_accepts(const struct nats_server *s)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = nats_server_address(s->port);

    return connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

UNUSED static void nats_server_exec(const struct nats_server *s)
{
    char config[128], log[128];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(config, sizeof(config), "%s/nats.conf", s->dir);
    (void)snprintf(log, sizeof(log), "%s/nats.log", s->dir);
    execlp("nats-server", "nats-server", "-c", config, "-l", log, (char *)NULL);
    execl("/usr/sbin/nats-server", "nats-server", "-c", config, "-l", log, (char *)NULL);
    _exit(127);
}

/* Starts it (again) and waits until it accepts connections; false when it does not within 10 s. */
UNUSED static bool nats_server_start(struct nats_server *s)
{
    uint64_t until = clock_mono_usec() + 10 * USEC_PER_SEC;

    s->pid = fork();
    if (s->pid == 0)
        nats_server_exec(s);
    while (clock_mono_usec() < until) {
        if (nats_server_accepts(s))
            return true;
        if (waitpid(s->pid, NULL, WNOHANG) != 0)
            break;
        (void)usleep(5000);
    }
    return false;
}

/* options: further lines of the configuration, such as "max_payload: 2MB". */
UNUSED static bool nats_server_setup(struct nats_server *s, const char *options)
{
    char path[128];
    FILE *f;

    *s = (struct nats_server){ .dir = "/tmp/sluice-nats-XXXXXX" };
    if (!mkdtemp(s->dir))
        return false;
    s->port = nats_server_free_port();
    (void)snprintf(s->url, sizeof(s->url), "nats://127.0.0.1:%d", s->port);
    (void)snprintf(path, sizeof(path), "%s/nats.conf", s->dir);
    f = fopen(path, "w");
    if (!f)
        return false;
    (void)fprintf(
        f, "listen: 127.0.0.1:%d\njetstream { store_dir: \"%s\", max_file_store: 2GB }\n%s\n",
        s->port, s->dir, options ? options : "");
    return fclose(f) == 0 && nats_server_start(s);
}

UNUSED static void nats_server_signal(struct nats_server *s, int sig)
{
    if (s->pid > 0)
        (void)kill(s->pid, sig);
}

/* Stopped when it returns: a signal alone leaves its threads a moment to answer. */
UNUSED static void nats_server_pause(struct nats_server *s)
{
    nats_server_signal(s, SIGSTOP);
    (void)waitpid(s->pid, NULL, WUNTRACED);
}

UNUSED static void nats_server_resume(struct nats_server *s)
{
    nats_server_signal(s, SIGCONT);
}

UNUSED static void nats_server_kill(struct nats_server *s)
{
    nats_server_signal(s, SIGKILL);
    if (s->pid > 0)
        (void)waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

UNUSED static void nats_server_teardown(struct nats_server *s)
{
    char command[128];

    nats_server_kill(s);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", s->dir);
    if (strncmp(s->dir, "/tmp/sluice-nats-", 17) == 0 && system(command) != 0)
        (void)fprintf(stderr, "cannot remove %s\n", s->dir);
}
