#include "admin/bench/stack_ctl.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "admin/bench/child.h"
#include "base/clock.h"
#include "base/exposition.h"
#include "event/json.h"
#include "load/http_load.h"

/* One {"name","pid","port","state"}. */
static void read_process(struct stack *s, struct json_value item)
{
    struct stack_process *process = &s->processes[s->count];
    struct json_iter members = json_iterate(item);
    struct json_value value;
    struct span name;

    if (s->count == STACK_PROCESSES_MAX)
        return;
    *process = (struct stack_process){ 0 };
    while (json_next(&members, &name, &value)) {
        if (span_eq(name, SPAN("name")) && json_kind_of(value) == JSON_STRING)
            (void)snprintf(process->name, sizeof(process->name), "%.*s",
                           SPAN_ARG(json_string_of(value)));
        else if (span_eq(name, SPAN("pid")) && json_kind_of(value) == JSON_INT)
            process->pid = (pid_t)json_int_of(value);
        else if (span_eq(name, SPAN("port")) && json_kind_of(value) == JSON_INT)
            process->port = (uint32_t)json_int_of(value);
    }
    if (process->pid > 0)
        s->count++;
}

static int read_status(struct stack *s, struct strbuf *json, struct strbuf *err)
{
    struct json_parser *parser = json_parser_new(1 << 20, 8);
    const char *why = "out of memory";
    struct json_value root, item;
    struct json_iter items;
    struct span name;
    int r = -ENOMEM;

    if (parser && strbuf_reserve(json, JSON_PADDING) == 0)
        r = json_parse(parser, span_trim(strbuf_span(json)), &root, &why);
    if (r < 0) {
        strbuf_setf(err, "sluice status --json: %s", why);
    } else {
        items = json_iterate(root);
        while (json_next(&items, &name, &item))
            read_process(s, item);
    }
    (void)json_parser_free(parser);
    return r;
}

/* DIR/run/stack.env has what clients need: NATS_URL=..., DATABASE_URL=... */
static int read_env(struct stack *s, struct strbuf *err)
{
    char path[2 * BENCH_TEXT_MAX + 16], line[BENCH_TEXT_MAX];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/run/stack.env", s->data);
    file = fopen(path, "re");
    if (!file) {
        strbuf_setf(err, "%s: %s", path, strerror(errno));
        return -errno;
    }
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "NATS_URL=", 9) == 0)
            (void)snprintf(s->nats_url, sizeof(s->nats_url), "%s", line + 9);
        else if (strncmp(line, "DATABASE_URL=", 13) == 0)
            (void)snprintf(s->database_url, sizeof(s->database_url), "%s", line + 13);
    }
    fclose(file);
    return 0;
}

static int look_at(struct bench *b, struct stack *s, struct strbuf *err)
{
    const char *argv[] = { b->self, "status", "--json", "--data", s->data, NULL };
    _cleanup_strbuf_ struct strbuf out;
    int r;

    strbuf_init(&out, 1 << 20);
    r = child_run(argv, &out, err);
    if (r != 0)
        return r < 0 ? r : -EIO;
    r = read_status(s, &out, err);
    return r < 0 ? r : read_env(s, err);
}

int stack_start(struct bench *b, struct stack *s, const char *name, const char *scale,
                struct strbuf *err)
{
    char port[16];
    const char *argv[16] = { b->self, "up", "--detach", "--data", s->data, "--port-base", port };
    int n = 7, r;

    *s = (struct stack){ 0 };
    (void)snprintf(s->data, sizeof(s->data), "%s/%s", b->dir, name);
    (void)snprintf(port, sizeof(port), "%u", b->port_base);
    if (scale) {
        argv[n++] = "--scale";
        argv[n++] = scale;
    }
    bench_progress(b, 0, "starting a stack");
    r = child_run(argv, NULL, err);
    if (r == 0)
        r = look_at(b, s, err);
    if (r == 0)
        return 0;
    stack_stop(b, s);
    return r < 0 ? r : -EIO;
}

void stack_stop(struct bench *b, struct stack *s)
{
    const char *argv[] = { b->self, "down", "--data", s->data, NULL };
    const char *remove[] = { "rm", "-rf", s->data, NULL };
    _cleanup_strbuf_ struct strbuf err;

    strbuf_init(&err, 4096);
    bench_progress(b, 1, "stopping the stack");
    if (child_run(argv, NULL, &err) != 0 || child_run(remove, NULL, &err) != 0)
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
