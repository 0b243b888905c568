/*
 * The ports of a stack: N for the gateway and so on (enum port_offset). The supervisor opens the
 * listening sockets of the roles itself; the servers open their own, so that theirs are only tried.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"

#define PORT_BASE_DEFAULT 3000
#define PORT_PROMETHEUS_DEFAULT 9090

enum port_offset {
    PORT_GATEWAY,
    PORT_FB_COLLECTOR,
    PORT_TTK_COLLECTOR,
    PORT_REPORTER,
    PORT_NATS,
    PORT_NATS_MONITOR,
    PORT_POSTGRES,
    PORT_PROMETHEUS,
    PORT_COUNT,
    /* With --cluster: where the first nats-server talks to the others, and all of the others. */
    PORT_NATS_ROUTE = PORT_COUNT,
    PORT_NATS_2,
    PORT_NATS_2_MONITOR,
    PORT_NATS_2_ROUTE,
    PORT_NATS_3,
    PORT_NATS_3_MONITOR,
    PORT_NATS_3_ROUTE,
    PORT_CLUSTER_COUNT
};

/* A listening socket, non-blocking (several processes accept from it) and close-on-exec. host: an
 * IPv4 or IPv6 address, or "localhost". port 0: the kernel chooses. -EADDRINUSE, -EADDRNOTAVAIL,
 * -EINVAL ... */
int port_listen(const char *host, uint32_t port, int *ret_fd) MUST_CHECK;
/* The port a socket is bound to; 0 when it has none. */
uint32_t port_of(int fd);
/* Whether 127.0.0.1:port can be listened on now. */
bool port_is_free(uint32_t port);
