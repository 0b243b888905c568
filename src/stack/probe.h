/*
 * One question to a server on this machine, asked without waiting for it: connect, send, read the
 * answer, with a deadline. Asks over HTTP, or as a PostgreSQL client that begins to connect.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/loop.h"

struct probe {
    struct loop *loop;
    struct loop_source source;
    struct loop_timer deadline;
    int fd;
    struct strbuf request, answer;
    bool until_close; /* the answer ends when the server closes */
    bool sent;
    /* failed: 0, or -errno when there was no answer. The answer stands in p->answer until the next
     * question. */
    void (*done)(struct probe *p, int failed);
    void *ctx;
};

void probe_init(struct probe *p, struct loop *loop, void (*done)(struct probe *p, int failed),
                void *ctx);
void probe_release(struct probe *p);

static inline bool probe_is_busy(const struct probe *p)
{
    return p->deadline.armed;
}

/* Both call done() later, from the loop; never at once. Only when not busy. */
void probe_http(struct probe *p, uint32_t port, const char *path);
/* As user and to a database `sluice`. A server that takes clients answers with an authentication
 * request (https://www.postgresql.org/docs/15/protocol-message-formats.html). */
void probe_postgres(struct probe *p, uint32_t port);
/* Gives the question up; done() is not called. */
void probe_cancel(struct probe *p);

/* What the answer says. */
unsigned probe_http_status(const struct probe *p); /* 0 when it is no HTTP */
struct span probe_http_body(const struct probe *p);
enum probe_postgres { PROBE_POSTGRES_AWAY, PROBE_POSTGRES_STARTING, PROBE_POSTGRES_READY };
enum probe_postgres probe_postgres_state(const struct probe *p);
