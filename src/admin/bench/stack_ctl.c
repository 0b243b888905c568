#include "admin/bench/stack_ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/bench/child.h"
#include "admin/target.h"
#include "base/clock.h"
#include "base/exposition.h"
#include "load/http_load.h"

/* Those that run. */
static void take_process(struct stack *s, const struct target_process *from)
{
    struct stack_process *process = &s->processes[s->count];

    if (from->pid <= 0 || s->count == STACK_PROCESSES_MAX)
        return;
    *process = (struct stack_process){ .pid = (pid_t)from->pid, .port = from->port };
    (void)snprintf(process->name, sizeof(process->name), "%s", from->name);
    s->count++;
}

static int look_at(struct stack *s, struct strbuf *err)
{
    _cleanup_free_ struct target *t = malloc(sizeof(*t));
    int r;

    if (!t) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    r = target_look(s->data, t, err);
    if (r < 0)
        return r;
    if (!t->running) {
        strbuf_setf(err, "%s", t->why);
        return -EIO;
    }
    for (size_t i = 0; i < t->count; i++)
        take_process(s, &t->processes[i]);
    (void)snprintf(s->nats_url, sizeof(s->nats_url), "%s", t->nats_url);
    (void)snprintf(s->database_url, sizeof(s->database_url), "%s", t->database_url);
    return 0;
}

static int start(struct bench *b, struct stack *s, const char *scale, struct strbuf *err)
{
    char port[16];
    const char *argv[16] = { b->self, "up", "--detach", "--data", s->data, "--port-base", port };
    int n = 7, r;

    (void)snprintf(port, sizeof(port), "%u", b->port_base);
    if (scale) {
        argv[n++] = "--scale";
        argv[n++] = scale;
    }
    bench_progress(b, 0, "starting a stack");
    r = child_run(argv, NULL, err);
    if (r == 0)
        r = look_at(s, err);
    if (r == 0)
        return 0;
    stack_stop(b, s);
    return r < 0 ? r : -EIO;
}

int stack_start(struct bench *b, struct stack *s, const char *name, const char *scale,
                struct strbuf *err)
{
    *s = (struct stack){ 0 };
    (void)snprintf(s->data, sizeof(s->data), "%s/%s", b->dir, name);
    return start(b, s, scale, err);
}

int stack_start_in(struct bench *b, struct stack *s, const char *data, const char *scale,
                   struct strbuf *err)
{
    *s = (struct stack){ .kept = true };
    (void)snprintf(s->data, sizeof(s->data), "%s", data);
    return start(b, s, scale, err);
}

void stack_stop(struct bench *b, struct stack *s)
{
    const char *argv[] = { b->self, "down", "--data", s->data, NULL };
    const char *remove[] = { "rm", "-rf", s->data, NULL };
    _cleanup_strbuf_ struct strbuf err;

    strbuf_init(&err, 4096);
    bench_progress(b, 1, "stopping the stack");
    if (child_run(argv, NULL, &err) != 0 || (!s->kept && child_run(remove, NULL, &err) != 0))
        bench_note(b, "%s: %s", s->data, err.ptr);
}

const struct stack_process *stack_find(const struct stack *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->processes[i].name, name) == 0)
            return &s->processes[i];
    return NULL;
}

uint32_t stack_port(const struct stack *s, const char *name)
{
    const struct stack_process *process = stack_find(s, name);

    return process ? process->port : 0;
}

double stack_metric(const struct stack *s, const char *process, const char *metric)
{
    _cleanup_strbuf_ struct strbuf text, err;
    char url[64];
    long status;

    strbuf_init(&text, 1 << 20);
    strbuf_init(&err, 1024);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/metrics", stack_port(s, process));
    if (http_get(url, 5 * USEC_PER_SEC, &status, &text, &err) < 0 || status != 200)
        return -1;
    return exposition_sum(strbuf_span(&text), span_str(metric));
}
