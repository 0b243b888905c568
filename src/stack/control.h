/*
 * The supervisor's end of run/control.sock, on which the other commands talk to it. Only the owner
 * of the data directory and root can connect.
 *
 * One request a connection, one packet: "status", "down", "restart gateway" (with the program to
 * run as an attached descriptor), "database-url". Answers are packets too: '-' and a line of
 * progress, '+' and data, and at the end a digit, the exit status, and a line.
 */
#pragma once

#include <stdbool.h>

#include "base/macros.h"
#include "base/span.h"
#include "stack/loop.h"

#define CONTROL_CLIENTS_MAX 16
#define CONTROL_SOCKET "run/control.sock"
#define CONTROL_REQUEST_MAX 256
#define CONTROL_PACKET_MAX ((size_t)64 << 10)

struct control;

struct control_client {
    struct control *control;
    struct loop_source source;
    int fd;       /* -1 = a free place */
    bool follows; /* wants progress */
};

struct control {
    struct loop *loop;
    struct loop_source source;
    int fd;
    struct control_client clients[CONTROL_CLIENTS_MAX];
    /* A request; passed_fd: what came with it, or -1, owned by the receiver. It answers with
     * control_finish(), now or later; a client that goes away is forgotten. */
    void (*request)(void *ctx, struct control_client *client, const char *text, int passed_fd);
    void (*gone)(void *ctx, struct control_client *client);
    void *ctx;
};

/* request, gone and ctx are set by the caller before. <0 -errno. */
int control_init(struct control *c, struct loop *loop, int data_dir_fd) MUST_CHECK;
void control_release(struct control *c);

/* To every client that follows. */
void control_progress(struct control *c, const char *line);
void control_data(struct control_client *client, struct span data);
/* Ends the conversation. */
void control_finish(struct control_client *client, int exit_status, const char *line);
