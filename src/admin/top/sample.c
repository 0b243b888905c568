#include "admin/top/sample.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "event/json.h"
#include "load/http_load.h"

#define PATIENCE_USEC (1 * UINT64_C(1000000))
#define METRICS_MAX_BYTES ((size_t)4 << 20)
#define HEALTH_MAX_BYTES ((size_t)64 << 10)
#define HEALTH_DEPTH_MAX 8

static void set_down(struct sample_process *p, const char *why)
{
    (void)snprintf(p->state, sizeof(p->state), "down");
    (void)snprintf(p->reason, sizeof(p->reason), "%s", why);
}

/* A GET of one path of a process. True when there was an answer; *err says why not. */
static bool ask(const struct sample_process *p, const char *path, long *ret_status,
                struct strbuf *out, struct strbuf *err)
{
    char url[SAMPLE_URL_MAX + 32];

    (void)snprintf(url, sizeof(url), "%s%s", p->url, path);
    *ret_status = 0;
    return http_get(url, PATIENCE_USEC, ret_status, out, err) == 0 && *ret_status > 0;
}

static void read_metrics(struct sample_process *p)
{
    _cleanup_strbuf_ struct strbuf text, err;
    long status;

    strbuf_init(&text, METRICS_MAX_BYTES);
    strbuf_init(&err, 1024);
    if (!ask(p, "/metrics", &status, &text, &err)) {
        set_down(p, err.ptr);
        return;
    }
    if (status != 200) {
        (void)snprintf(p->reason, sizeof(p->reason), "GET /metrics is answered with %ld", status);
        return;
    }
    reading_take(&p->reading, strbuf_span(&text));
    p->read_usec = clock_mono_usec();
    p->cpu_seconds = p->reading.cpu_seconds;
    p->memory_bytes = p->reading.memory_bytes;
    p->has_usage = true;
}

/* ---- why it is not ready ---- */

static void add_reason(struct sample_process *p, struct span name, struct json_value dependency)
{
    size_t len = strlen(p->reason);
    struct json_value value;
    struct span key, error = SPAN_NONE;

    if (json_kind_of(dependency) != JSON_OBJECT)
        return;
    for (struct json_iter it = json_iterate(dependency); json_next(&it, &key, &value);)
        if (span_eq(key, SPAN("error")) && json_kind_of(value) == JSON_STRING)
            error = json_string_of(value);
    if (error.len)
        (void)snprintf(p->reason + len, sizeof(p->reason) - len, "%s%.*s: %.*s", len ? "; " : "",
                       SPAN_ARG(name), SPAN_ARG(error));
}

static void add_reasons(struct sample_process *p, struct json_value health)
{
    struct json_value value, dependency;
    struct span key, name;

    for (struct json_iter it = json_iterate(health); json_next(&it, &key, &value);) {
        if (!span_eq(key, SPAN("dependencies")) || json_kind_of(value) != JSON_OBJECT)
            continue;
        for (struct json_iter each = json_iterate(value); json_next(&each, &name, &dependency);)
            add_reason(p, name, dependency);
    }
}

/* {"status":"not_ready","dependencies":{"nats":{"status":"unavailable","error":"..."}}} */
static void shorten_reason(struct sample_process *p, struct span said)
{
    struct json_parser *parser = json_parser_new(HEALTH_MAX_BYTES, HEALTH_DEPTH_MAX);
    _cleanup_strbuf_ struct strbuf text;
    struct json_value health;
    const char *why;

    strbuf_init(&text, HEALTH_MAX_BYTES + JSON_PADDING);
    if (parser && strbuf_addspan(&text, span_trim(said)) == 0 &&
        strbuf_reserve(&text, JSON_PADDING) == 0 &&
        json_parse(parser, strbuf_span(&text), &health, &why) == 0 &&
        json_kind_of(health) == JSON_OBJECT) {
        p->reason[0] = '\0';
        add_reasons(p, health);
    }
    (void)json_parser_free(parser);
}

/* ---- a stack ---- */

static bool knows_name(const struct sample *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->processes[i].name, name) == 0)
            return true;
    return false;
}

/* Of servers the supervisor says it. */
static void take_usage(struct sample_process *p, const struct target_process *from,
                       uint64_t looked_usec)
{
    p->has_usage = from->memory_bytes > 0;
    p->cpu_seconds = from->cpu_seconds;
    p->memory_bytes = from->memory_bytes;
    p->read_usec = looked_usec;
}

/* While a role is replaced there are two processes of its name; the second one is not asked. */
static void take_stack(struct sample *s, const struct target *t, uint64_t looked_usec)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct target_process *from = &t->processes[i];
        struct sample_process *p = &s->processes[s->count];
        bool second = knows_name(s, from->name);

        *p = (struct sample_process){ .pid = from->pid, .port = from->port };
        (void)snprintf(p->name, sizeof(p->name), "%s", from->name);
        (void)snprintf(p->state, sizeof(p->state), "%s", from->state);
        (void)snprintf(p->reason, sizeof(p->reason), "%s", from->reason);
        shorten_reason(p, span_str(from->reason));
        if (from->metrics_port && !second)
            (void)snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u", from->metrics_port);
        s->count++;
        if (from->pid && p->url[0])
            read_metrics(p);
        else if (from->pid)
            take_usage(p, from, looked_usec);
    }
}

/* ---- --target ---- */

/* Takes one "name=url"; an empty name or url, or one that is too long: -EINVAL. */
static int split_target(struct span part, struct sample_process *ret)
{
    struct span name = SPAN_NONE, url;

    if (!span_split(&part, '=', &name))
        return -EINVAL;
    url = part;
    while (url.len && url.ptr[url.len - 1] == '/')
        url.len--;
    if (!name.len || name.len >= sizeof(ret->name) || !url.len || url.len >= sizeof(ret->url))
        return -EINVAL;
    *ret = (struct sample_process){ 0 };
    (void)snprintf(ret->name, sizeof(ret->name), "%.*s", SPAN_ARG(name));
    (void)snprintf(ret->url, sizeof(ret->url), "%.*s", SPAN_ARG(url));
    return 0;
}

int sample_check_targets(const char *targets, struct strbuf *err)
{
    struct span rest = span_str(targets), part;
    struct sample_process p;
    size_t count = 0;
    int r;

    while (span_split(&rest, ',', &part)) {
        if (split_target(part, &p) < 0) {
            strbuf_setf(err, "--target=%s: takes NAME=URL,..., such as gateway=http://host:3000",
                        targets);
            return -EINVAL;
        }
        r = http_url_check(p.url, err);
        if (r < 0)
            return r;
        count++;
    }
    if (count > 0 && count <= SAMPLE_PROCESSES_MAX)
        return 0;
    strbuf_setf(err, "--target takes from 1 to %d of NAME=URL", SAMPLE_PROCESSES_MAX);
    return -EINVAL;
}

/* What a supervisor would say of it. */
static void read_state(struct sample_process *p)
{
    _cleanup_strbuf_ struct strbuf answer, err;
    long status;

    strbuf_init(&answer, HEALTH_MAX_BYTES);
    strbuf_init(&err, 1024);
    if (!ask(p, "/health/readiness", &status, &answer, &err)) {
        set_down(p, err.ptr);
        return;
    }
    (void)snprintf(p->state, sizeof(p->state), "%s", status == 200 ? "ready" : "unready");
    if (status == 503)
        shorten_reason(p, strbuf_span(&answer));
    else if (status != 200)
        (void)snprintf(p->reason, sizeof(p->reason), "GET /health/readiness is answered with %ld",
                       status);
    read_metrics(p);
}

static void take_targets(struct sample *s, const char *targets)
{
    struct span rest = span_str(targets), part;

    while (s->count < SAMPLE_PROCESSES_MAX && span_split(&rest, ',', &part)) {
        struct sample_process *p = &s->processes[s->count];

        if (split_target(part, p) < 0)
            continue;
        read_state(p);
        s->count++;
    }
    s->running = s->count > 0;
}

void sample_take(const struct sample_options *options, const struct sample *before,
                 struct sample *ret)
{
    _cleanup_strbuf_ struct strbuf err;
    struct target target;

    strbuf_init(&err, 1024);
    memset(ret, 0, sizeof(*ret));
    if (before)
        ret->complaints = before->complaints;
    if (options->targets) {
        take_targets(ret, options->targets);
        (void)snprintf(ret->complaints.why, sizeof(ret->complaints.why),
                       "are in the roles' own logs: only those of a stack (--data) are read");
    } else if (target_look(options->data, &target, &err) < 0) {
        (void)snprintf(ret->why, sizeof(ret->why), "%s", err.ptr);
    } else {
        ret->running = target.running;
        (void)snprintf(ret->why, sizeof(ret->why), "%s", target.why);
        take_stack(ret, &target, clock_mono_usec());
        complaints_read(&ret->complaints, options->data);
    }
    ret->wall_usec = clock_wall_usec();
}
