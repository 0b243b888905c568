/* Starts and stops a stack of our own in a folder, and finds its processes. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "admin/bench/bench.h"

#define STACK_PROCESSES_MAX 32

struct stack_process {
    char name[48];
    pid_t pid;
    uint32_t port;
};

struct stack {
    char data[2 * BENCH_TEXT_MAX];
    bool kept; /* stack_stop() leaves its folder */
    struct stack_process processes[STACK_PROCESSES_MAX];
    size_t count;
    char nats_url[2 * BENCH_TEXT_MAX];
    char database_url[2 * BENCH_TEXT_MAX];
};

/* `sluice up --detach`, in a new folder `name` under the benchmark's own. scale: "--scale" value or
 * NULL. */
int stack_start(struct bench *b, struct stack *s, const char *name, const char *scale,
                struct strbuf *err) MUST_CHECK;
/* The same in the folder `data`, which stays. */
int stack_start_in(struct bench *b, struct stack *s, const char *data, const char *scale,
                   struct strbuf *err) MUST_CHECK;
void stack_stop(struct bench *b, struct stack *s);

/* NULL when it has no such process. */
const struct stack_process *stack_find(const struct stack *s, const char *name);
uint32_t stack_port(const struct stack *s, const char *name);

/* The sum of all series of one metric name on a role's /metrics, over its labels; -1 when it cannot
 * be read. */
double stack_metric(const struct stack *s, const char *process, const char *metric);
