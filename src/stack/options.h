/* The command lines of the stack's commands. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"

enum scaled_role {
    SCALE_GATEWAY,
    SCALE_FB_COLLECTOR,
    SCALE_TTK_COLLECTOR,
    SCALE_REPORTER,
    SCALE_COUNT
};
#define SCALE_MAX 16

struct options {
    const char *data; /* --data; "var" */
    uint32_t port_base;
    bool port_base_given;
    uint32_t scale[SCALE_COUNT]; /* instances of each role; 1, in a cluster 2 of most */
    bool cluster;                /* three nats-servers */
    bool detach;
    bool json;
    bool follow;
    uint32_t lines;   /* logs: how many to begin with */
    const char *role; /* the word that restart and logs take; NULL when it was not given */
    char **rest;      /* psql: what is left, for it; NULL at its end */
};

struct options_command {
    const char *name;
    const char *about;
    const char *word; /* "ROLE", "[ROLE]" or NULL */
    unsigned flags;   /* OPTION_... that it takes */
    bool passes_rest; /* what it does not know is for another program */
};
enum {
    OPTION_PORT_BASE = 1 << 0,
    OPTION_SCALE = 1 << 1,
    OPTION_DETACH = 1 << 2,
    OPTION_JSON = 1 << 3,
    OPTION_FOLLOW = 1 << 4,
    OPTION_LINES = 1 << 5,
    OPTION_CLUSTER = 1 << 6,
};

/* 0: go on. 1: --help was asked for and printed. <0: *err says what is wrong. Borrows from argv,
 * which it may reorder. */
int options_parse(struct options *o, const struct options_command *command, int argc, char **argv,
                  struct strbuf *err) MUST_CHECK;
