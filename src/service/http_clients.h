/*
 * What the HTTP server counts by client address: open connections, and requests a second. A client
 * is an IPv4 address, also one that came mapped into IPv6, or an IPv6 network of 64 bits, which is
 * what one customer has at least. Clients of a Unix socket are one.
 *
 * A client is remembered while it has connections, and until its rate is forgotten: a second after
 * its last request. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/macros.h"

struct http_clients;
struct http_client;

/* 0 = no limit. NULL: no memory. */
struct http_clients *http_clients_new(uint32_t connections_max, uint32_t requests_per_second_max);
/* NULL is fine. */
struct http_clients *http_clients_free(struct http_clients *c);

/* A connection begins; *ret counts it until http_clients_leave(). -EDQUOT: its address has as many
 * as it may; -ENOMEM. */
int http_clients_enter(struct http_clients *c, const struct sockaddr *address, uint64_t now_usec,
                       struct http_client **ret) MUST_CHECK;
void http_clients_leave(struct http_clients *c, struct http_client *client);

/* Counts a request. False: the client is over its rate, and may send again within a second. A
 * second's worth may come at once. */
bool http_clients_request(struct http_clients *c, struct http_client *client,
                          uint64_t now_usec) MUST_CHECK;
