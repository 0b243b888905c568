/* What the other commands ask of the supervisor. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json_out.h"
#include "base/usage.h"
#include "stack/supervisor.h"

#define REPLY_MAX_BYTES (CONTROL_PACKET_MAX - 1)
#define MEBIBYTE (1024.0 * 1024)

/* A row of `status`. u: NULL for the supervisor itself. */
struct row {
    const char *name;
    pid_t pid;                   /* 0 = none */
    uint32_t port, metrics_port; /* 0 = none */
    const char *state;
    const char *reason;
};
typedef void row_fn(void *out, const struct row *row);

static void unit_rows(const struct unit *u, row_fn *fn, void *out)
{
    struct row row = { .name = u->name,
                       .pid = u->main.pid,
                       .port = u->port,
                       .metrics_port = u->listen_count ? u->own_port : 0,
                       .state = unit_state_names[u->state],
                       .reason = u->reason.ptr };

    fn(out, &row);
    row.metrics_port = 0; /* which of the processes answers is open */
    row.reason = "";
    row.pid = u->next.pid;
    row.state = unit_state_names[UNIT_STARTING];
    if (row.pid)
        fn(out, &row);
    row.pid = u->old.pid;
    row.state = unit_state_names[UNIT_STOPPING];
    if (row.pid)
        fn(out, &row);
}

static void each_row(const struct supervisor *s, row_fn *fn, void *out)
{
    static const char *const phases[] = { "starting", "ready", "stopping", "stopped" };
    const struct row own = {
        .name = "supervisor", .pid = getpid(), .state = phases[s->phase], .reason = ""
    };

    fn(out, &own);
    for (size_t i = 0; i < s->plan.count; i++)
        if (!s->plan.units[i].kind->once)
            unit_rows(&s->plan.units[i], fn, out);
}

/* Of a server with all the processes that it runs. False when there is none. */
static bool usage_of_row(const struct row *row, struct usage *ret)
{
    return row->pid && usage_of(row->pid, row->pid != getpid(), ret) == 0;
}

static void json_positive(struct json_out *j, uint64_t value)
{
    if (value)
        json_u64(j, value);
    else
        json_null(j);
}

static void add_json(void *out, const struct row *row)
{
    struct json_out *j = out;
    struct usage usage = { 0 };

    (void)usage_of_row(row, &usage);
    json_object(j);
    json_key(j, "name");
    json_str(j, row->name);
    json_key(j, "pid");
    json_positive(j, (uint64_t)row->pid);
    json_key(j, "port");
    json_positive(j, row->port);
    json_key(j, "metricsPort");
    json_positive(j, row->metrics_port);
    json_key(j, "state");
    json_str(j, row->state);
    json_key(j, "reason");
    json_str(j, row->reason);
    json_key(j, "cpuSeconds");
    json_double(j, usage.cpu_seconds);
    json_key(j, "memoryBytes");
    json_positive(j, usage.memory_bytes);
    json_object_end(j);
}

static void add_text(void *out, const struct row *row)
{
    struct strbuf *text = out;
    char pid[16] = "-", port[16] = "-", memory[32] = "-", cpu[32] = "-";
    struct usage usage;

    if (row->pid)
        (void)snprintf(pid, sizeof(pid), "%d", (int)row->pid);
    if (row->port)
        (void)snprintf(port, sizeof(port), "%u", row->port);
    if (usage_of_row(row, &usage)) {
        (void)snprintf(memory, sizeof(memory), "%.1f MiB", (double)usage.memory_bytes / MEBIBYTE);
        (void)snprintf(cpu, sizeof(cpu), "%.1f s", usage.cpu_seconds);
    }
    (void)strbuf_addf(text, "%-18s %8s %6s %11s %11s  %-9s %s\n", row->name, pid, port, memory, cpu,
                      row->state, row->reason);
}

static void answer_status(struct supervisor *s, struct control_client *client, bool as_json)
{
    _cleanup_strbuf_ struct strbuf text;
    struct json_out j;

    strbuf_init(&text, REPLY_MAX_BYTES);
    if (as_json) {
        json_out_init(&j, &text);
        json_array(&j);
        each_row(s, add_json, &j);
        json_array_end(&j);
        (void)strbuf_addc(&text, '\n');
    } else {
        (void)strbuf_addf(&text, "%-18s %8s %6s %11s %11s  %s\n", "name", "pid", "port", "memory",
                          "cpu time", "state");
        each_row(s, add_text, &text);
    }
    control_data(client, strbuf_span(&text));
    control_finish(client, 0, "");
}

/* Where the old process runs what it was started from, the new one runs the program of whoever
 * asks: a restart is how a new build comes into service. */
static void adopt_program(struct supervisor *s, int fd)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (access(path, X_OK) < 0)
        return;
    fd_closep(&s->site.exe_fd);
    s->site.exe_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static void finish_restart(struct supervisor *s, int exit_status, const char *line)
{
    struct control_client *client = s->restarting;

    memset(s->restart_wanted, 0, sizeof(s->restart_wanted));
    s->restarting = NULL;
    if (client)
        control_finish(client, exit_status, line);
}

static void next_restart(struct supervisor *s)
{
    _cleanup_strbuf_ struct strbuf err;

    strbuf_init(&err, 1024);
    for (size_t i = 0; i < s->plan.count; i++) {
        if (!s->restart_wanted[i])
            continue;
        s->restart_wanted[i] = false;
        if (unit_restart(&s->plan.units[i], &err) < 0)
            finish_restart(s, 1, err.ptr);
        return;
    }
    finish_restart(s, 0, "restarted");
}

void supervisor_on_restarted(void *ctx, struct unit *u, const char *failure)
{
    struct supervisor *s = ctx;
    char message[512];

    if (failure)
        (void)snprintf(message, sizeof(message), "%s was not restarted: %.400s", u->name, failure);
    else
        (void)snprintf(message, sizeof(message), "%s was restarted (pid %d)", u->name,
                       (int)u->main.pid);
    tell(&s->teller, failure ? LOG_WARN : LOG_INFO, "unit.restarted", message,
         KV_STR("unit", u->name));
    if (failure)
        finish_restart(s, 1, message);
    else
        next_restart(s);
}

static bool is_restarting(const struct supervisor *s)
{
    for (size_t i = 0; i < s->plan.count; i++)
        if (s->plan.units[i].restart != RESTART_NONE)
            return true;
    return false;
}

static void begin_restart(struct supervisor *s, struct control_client *client, const char *name)
{
    bool found = false;

    if (s->phase != PHASE_RUNNING || is_restarting(s)) {
        control_finish(client, 1,
                       s->phase == PHASE_STARTING   ? "the stack is still starting"
                       : s->phase == PHASE_STOPPING ? "the stack is being stopped"
                                                    : "another restart is under way");
        return;
    }
    for (size_t i = 0; i < s->plan.count; i++) {
        const struct unit *u = &s->plan.units[i];

        s->restart_wanted[i] =
            !u->kind->once && (strcmp(u->kind->name, name) == 0 || strcmp(u->name, name) == 0);
        found |= s->restart_wanted[i];
    }
    if (!found) {
        control_finish(client, 2, "there is no such process; sluice status shows what there is");
        return;
    }
    client->follows = true;
    s->restarting = client;
    next_restart(s);
}

void supervisor_on_request(void *ctx, struct control_client *client, const char *text,
                           int passed_fd)
{
    static const char restart[] = "restart ";
    struct supervisor *s = ctx;
    _cleanup_close_ int program = passed_fd;

    if (strcmp(text, "status") == 0 || strcmp(text, "status-json") == 0) {
        answer_status(s, client, strcmp(text, "status-json") == 0);
    } else if (strcmp(text, "down") == 0) {
        client->follows = true;
        supervisor_stop(s);
    } else if (strcmp(text, "database-url") == 0) {
        control_data(client, span_str(s->site.database_url));
        control_finish(client, 0, "");
    } else if (strncmp(text, restart, sizeof(restart) - 1) == 0) {
        if (program >= 0)
            adopt_program(s, program);
        begin_restart(s, client, text + sizeof(restart) - 1);
    } else {
        control_finish(client, 2,
                       "the supervisor does not know this request; it may be older than "
                       "this program");
    }
}

void supervisor_on_client_gone(void *ctx, struct control_client *client)
{
    struct supervisor *s = ctx;

    if (s->restarting == client)
        s->restarting = NULL;
}
