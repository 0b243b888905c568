/*
 * The floor of the HTTP server: a bare libmicrohttpd handler that reads a POST and answers 200, two
 * threads in epoll mode on one port. usage: sluice-bench-http PORT. Runs until it is told to stop.
 */
#include <microhttpd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct MHD_Response *empty;
static char nothing[1];

static enum MHD_Result handle(void *ctx, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *data_len, void **state)
{
    static int seen;

    (void)ctx;
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    if (*data_len) {
        *data_len = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, empty);
}

int main(int argc, char **argv)
{
    unsigned long port = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    struct MHD_Daemon *daemon;
    sigset_t stop;
    int signal_number;

    if (port == 0 || port > UINT16_MAX) {
        fprintf(stderr, "usage: sluice-bench-http PORT\n");
        return 2;
    }
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &stop, NULL);
    empty = MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO, (uint16_t)port, NULL,
                              NULL, handle, NULL, MHD_OPTION_THREAD_POOL_SIZE, 2u, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "sluice-bench-http: port %lu: cannot listen\n", port);
        return 1;
    }
    (void)sigwait(&stop, &signal_number);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(empty);
    return 0;
}
