#include "admin/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin/bench/child.h"
#include "event/json.h"

#define STATUS_MAX_BYTES ((size_t)1 << 20)
#define STATUS_DEPTH_MAX 8

static void copy_text(char *to, size_t size, struct json_value value)
{
    if (json_kind_of(value) == JSON_STRING)
        (void)snprintf(to, size, "%.*s", SPAN_ARG(json_string_of(value)));
}

static void take_port(uint32_t *to, struct json_value value)
{
    if (json_kind_of(value) == JSON_INT && json_int_of(value) > 0 && json_int_of(value) < 65536)
        *to = (uint32_t)json_int_of(value);
}

static void take_number(double *to, struct json_value value)
{
    enum json_kind kind = json_kind_of(value);

    if (kind == JSON_INT || kind == JSON_UINT || kind == JSON_DOUBLE)
        *to = json_double_of(value);
}

static void take_process(struct target *t, struct json_value item)
{
    struct target_process *p = &t->processes[t->count];
    struct json_value value;
    struct span key;

    if (t->count == TARGET_PROCESSES_MAX || json_kind_of(item) != JSON_OBJECT)
        return;
    *p = (struct target_process){ 0 };
    for (struct json_iter it = json_iterate(item); json_next(&it, &key, &value);) {
        if (span_eq(key, SPAN("name")))
            copy_text(p->name, sizeof(p->name), value);
        else if (span_eq(key, SPAN("state")))
            copy_text(p->state, sizeof(p->state), value);
        else if (span_eq(key, SPAN("reason")))
            copy_text(p->reason, sizeof(p->reason), value);
        else if (span_eq(key, SPAN("pid")) && json_kind_of(value) == JSON_INT)
            p->pid = json_int_of(value);
        else if (span_eq(key, SPAN("port")))
            take_port(&p->port, value);
        else if (span_eq(key, SPAN("metricsPort")))
            take_port(&p->metrics_port, value);
        else if (span_eq(key, SPAN("cpuSeconds")))
            take_number(&p->cpu_seconds, value);
        else if (span_eq(key, SPAN("memoryBytes")))
            take_number(&p->memory_bytes, value);
    }
    t->count++;
}

int target_parse(struct target *t, struct span json, struct strbuf *err)
{
    struct json_parser *parser = json_parser_new(STATUS_MAX_BYTES, STATUS_DEPTH_MAX);
    struct json_value root = { 0 }, item;
    const char *why = "expected a list";
    struct span key;
    int r;

    if (!parser) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    r = json_parse(parser, json, &root, &why);
    if (r == 0 && json_kind_of(root) != JSON_ARRAY)
        r = -EBADMSG;
    if (r < 0)
        strbuf_setf(err, "sluice status --json: %s", why);
    else
        for (struct json_iter it = json_iterate(root); json_next(&it, &key, &item);)
            take_process(t, item);
    (void)json_parser_free(parser);
    return r;
}

void target_take_env(struct target *t, struct span line)
{
    struct span value = span_trim(line), name;

    if (!span_split(&value, '=', &name) || value.len >= TARGET_TEXT_MAX)
        return;
    if (span_eq(name, SPAN("NATS_URL")))
        (void)snprintf(t->nats_url, sizeof(t->nats_url), "%.*s", SPAN_ARG(value));
    else if (span_eq(name, SPAN("DATABASE_URL")))
        (void)snprintf(t->database_url, sizeof(t->database_url), "%.*s", SPAN_ARG(value));
}

static void read_env(struct target *t)
{
    char path[TARGET_TEXT_MAX + 32], line[TARGET_TEXT_MAX + 64];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/run/stack.env", t->data);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        target_take_env(t, span_str(line));
    if (file)
        (void)fclose(file);
}

/* Without the name of the command that said it: ours is another one. */
static void set_why(struct target *t, struct span said)
{
    const struct span prefix = SPAN("sluice status: ");

    if (said.len > prefix.len && memcmp(said.ptr, prefix.ptr, prefix.len) == 0)
        said = span_of(said.ptr + prefix.len, said.len - prefix.len);
    (void)snprintf(t->why, sizeof(t->why), "%.*s", SPAN_ARG(said));
}

int target_look(const char *data, struct target *ret, struct strbuf *err)
{
    const char *argv[] = { "/proc/self/exe", "status", "--json", "--data", data, NULL };
    _cleanup_strbuf_ struct strbuf out, said;
    struct target t = { 0 };
    int r;

    (void)snprintf(t.data, sizeof(t.data), "%s", data);
    strbuf_init(&out, STATUS_MAX_BYTES);
    strbuf_init(&said, 4096);
    r = child_run(argv, &out, &said);
    if (r == 0 && strbuf_reserve(&out, JSON_PADDING) == 0) {
        r = target_parse(&t, span_trim(strbuf_span(&out)), err);
        if (r < 0)
            return r;
        read_env(&t);
        t.running = t.count > 0;
    }
    if (!t.running)
        set_why(&t, span_trim(strbuf_span(&said)));
    *ret = t;
    return 0;
}

uint32_t target_port(const struct target *t, const char *name, uint32_t otherwise)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->processes[i].name, name) == 0 && t->processes[i].port > 0)
            return t->processes[i].port;
    return otherwise;
}
