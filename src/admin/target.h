/*
 * The stack that an operator's command is about: what `sluice status --json --data DIR` says of its
 * processes, and the addresses of its servers from DIR/run/stack.env (NATS_URL=, DATABASE_URL=).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

#define TARGET_PROCESSES_MAX 64
#define TARGET_TEXT_MAX 512
#define TARGET_REASON_MAX 1024

struct target_process {
    char name[32]; /* "gateway", "gateway-2" */
    char state[16];
    char reason[TARGET_REASON_MAX]; /* why it is not ready, or "" */
    int64_t pid;                    /* 0 = none */
    uint32_t port;                  /* 0 = none */
    uint32_t metrics_port;          /* where this very process answers GET /metrics; 0 = nowhere */
    double cpu_seconds;             /* with those of all that it has started */
    double memory_bytes;            /* 0 = not known */
};

struct target {
    char data[TARGET_TEXT_MAX];
    bool running;
    char why[TARGET_REASON_MAX]; /* when it is not running: what was said */
    struct target_process processes[TARGET_PROCESSES_MAX];
    size_t count;
    char nats_url[TARGET_TEXT_MAX]; /* "" = not known */
    char database_url[TARGET_TEXT_MAX];
};

/* No running stack is no failure: running is false then. <0 with *err: what was said makes no
 * sense. */
int target_look(const char *data, struct target *ret, struct strbuf *err) MUST_CHECK;

/* Takes the JSON of `sluice status --json`; JSON_PADDING readable bytes stand behind it. */
int target_parse(struct target *t, struct span json, struct strbuf *err) MUST_CHECK;
/* Takes one line NAME=value of stack.env. */
void target_take_env(struct target *t, struct span line);

/* The port of a role, or `otherwise`. */
uint32_t target_port(const struct target *t, const char *name, uint32_t otherwise);
