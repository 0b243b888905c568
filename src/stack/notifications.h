/*
 * Where children say that they are ready: a datagram socket in the abstract namespace, which needs
 * no path. The kernel vouches for the sender's pid.
 */
#pragma once

#include <sys/types.h>

#include "base/macros.h"
#include "stack/loop.h"

struct notifications {
    int fd;
    struct loop_source source;
    char name[32]; /* for NOTIFY_SOCKET: "@00a3f" */
    void (*ready)(void *ctx, pid_t pid);
    void *ctx;
};

/* Calls ready(ctx, pid) from the loop for each READY=1. <0 -errno. */
int notifications_init(struct notifications *n, struct loop *loop,
                       void (*ready)(void *ctx, pid_t pid), void *ctx) MUST_CHECK;
void notifications_release(struct notifications *n, struct loop *loop);
