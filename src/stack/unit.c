#include "stack/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "stack/files.h"
#include "stack/logs.h"
#include "stack/process.h"
#include "stack/unit_private.h"

/* The answer of a readiness check fits; the rows of all units fit a packet of `status`. */
#define REASON_MAX 600

const char *const unit_state_names[UNIT_STATE_COUNT] = {
    [UNIT_WAITING] = "waiting",   [UNIT_STARTING] = "starting", [UNIT_READY] = "ready",
    [UNIT_UNREADY] = "unready",   [UNIT_BACKOFF] = "backoff",   [UNIT_DONE] = "done",
    [UNIT_STOPPING] = "stopping", [UNIT_STOPPED] = "stopped",
};

bool unit_is_alive(const struct unit *u)
{
    return u->main.pid || u->next.pid || u->old.pid;
}

bool unit_is_settled(const struct unit *u)
{
    return u->state == UNIT_READY || u->state == UNIT_DONE;
}

static void tell_state(const struct unit *u, enum unit_state before)
{
    struct teller *t = u->crew->teller;
    char message[256];

    switch (u->state) {
    case UNIT_READY:
        (void)snprintf(message, sizeof(message), "%s is %s (%.1f s)", u->name,
                       before == UNIT_UNREADY ? "ready again" : "ready",
                       (double)(clock_mono_usec() - u->started_usec) / USEC_PER_SEC);
        tell(t, LOG_INFO, "unit.ready", message, KV_STR("unit", u->name),
             KV_INT("pid", u->main.pid), KV_UINT("port", u->port));
        break;
    case UNIT_UNREADY:
        (void)snprintf(message, sizeof(message), "%s is not ready: %.150s", u->name, u->reason.ptr);
        tell(t, LOG_WARN, "unit.unready", message, KV_STR("unit", u->name),
             KV_STR("then", "asking again"));
        break;
    case UNIT_STOPPED:
        if (before != UNIT_STOPPING)
            break;
        (void)snprintf(message, sizeof(message), "%s has stopped", u->name);
        tell(t, LOG_INFO, "unit.stopped", message, KV_STR("unit", u->name));
        break;
    default:
        break;
    }
}

void unit_set_state(struct unit *u, enum unit_state state)
{
    enum unit_state before = u->state;

    if (state != before) {
        u->state = state;
        tell_state(u, before);
    }
    u->crew->changed(u->crew->ctx, u);
}

void unit_signal(struct process *p, int sig)
{
    if (p->pid)
        (void)kill(p->pid, sig);
}

static int fill_spec(struct unit *u, struct child_spec *spec, struct strbuf *err)
{
    const struct site *site = u->crew->site;

    spec->dir_fd = site->layout.dir_fd;
    spec->death_signal = u->kind->stop_signal;
    for (int i = 0; i < u->listen_count; i++)
        spec->listen_fds[i] = u->listen_fds[i];
    spec->listen_count = u->listen_count;
    if (u->kind->is_role) {
        child_arg(spec, "sluice");
        child_arg(spec, u->kind->name);
    }
    return u->kind->prepare(site, u->instance, spec, err);
}

int unit_spawn(struct unit *u, struct process *p, struct strbuf *err)
{
    _cleanup_child_spec_ struct child_spec spec;
    _cleanup_close_ int log_fd = -1;
    int r;

    child_spec_init(&spec);
    r = logs_open(u->crew->site->layout.dir_fd, u->name, &log_fd);
    if (r < 0) {
        strbuf_setf(err, "its log file cannot be opened: %s", strerror(-r));
        return r;
    }
    spec.log_fd = log_fd;
    r = fill_spec(u, &spec, err);
    if (r < 0)
        return r;
    *p = (struct process){ 0 };
    r = child_spawn(&spec, &p->pid, err);
    if (r < 0)
        return r;
    p->birth = process_birth(p->pid);
    tell(u->crew->teller, LOG_DEBUG, "unit.started", "a process was started",
         KV_STR("unit", u->name), KV_INT("pid", p->pid));
    return 0;
}

/* why: with what it ended, "exit status 1". */
static void back_off(struct unit *u, const char *why)
{
    char message[512];
    double seconds = (double)u->backoff_usec / USEC_PER_SEC;

    strbuf_setf(&u->reason, "%s", why);
    (void)snprintf(message, sizeof(message), "%s has ended: %.300s; starting it again in %.1f s",
                   u->name, why, seconds);
    tell(u->crew->teller, LOG_WARN, "unit.died", message, KV_STR("unit", u->name),
         KV_STR("reason", why), KV_DBL("retrySeconds", seconds),
         KV_STR("then", "starting it again"));
    u->failures++;
    loop_timer_in(u->crew->loop, &u->timer, u->backoff_usec);
    u->backoff_usec = MIN(u->backoff_usec * 2, (uint64_t)BACKOFF_MAX_USEC);
    unit_set_state(u, UNIT_BACKOFF);
}

void unit_start(struct unit *u)
{
    _cleanup_strbuf_ struct strbuf err;

    strbuf_init(&err, 1024);
    loop_timer_cancel(u->crew->loop, &u->timer);
    u->started_usec = clock_mono_usec();
    if (unit_spawn(u, &u->main, &err) < 0) {
        unit_restart_abandon(u, err.ptr);
        back_off(u, err.ptr);
        return;
    }
    strbuf_setf(&u->reason, "starting");
    unit_set_state(u, UNIT_STARTING);
    if (!u->kind->once)
        unit_probe_begin(u);
}

void unit_settle(struct unit *u, bool answers, struct span why)
{
    if (u->state == UNIT_STOPPING || u->restart == RESTART_NEXT)
        return;
    if (answers && u->kind->notifies && !u->main.notified) {
        answers = false;
        why = SPAN("starting");
    }
    if (!answers) {
        strbuf_setf(&u->reason, "%.*s", (int)MIN(why.len, (size_t)REASON_MAX),
                    why.ptr ? why.ptr : "");
        if (u->state == UNIT_READY)
            unit_set_state(u, UNIT_UNREADY);
        return;
    }
    if (!u->main.ready_usec)
        u->main.ready_usec = clock_mono_usec();
    u->failures = 0;
    strbuf_reset(&u->reason);
    if (u->state != UNIT_READY)
        unit_set_state(u, UNIT_READY);
    unit_restart_settled(u);
}

static void main_exited(struct unit *u, int status)
{
    _cleanup_strbuf_ struct strbuf why;
    uint64_t now = clock_mono_usec();

    strbuf_init(&why, 256);
    unit_probe_stop(u);
    if (u->main.ready_usec && now - u->main.ready_usec >= HEALTHY_USEC)
        u->backoff_usec = BACKOFF_FIRST_USEC;
    u->main = (struct process){ 0 };
    if (u->kind->once && status == 0) {
        unit_set_state(u, UNIT_DONE);
        return;
    }
    child_status_text(status, &why);
    back_off(u, why.ptr);
}

bool unit_exited(struct unit *u, pid_t pid, int status)
{
    struct process *p = u->main.pid == pid   ? &u->main
                        : u->next.pid == pid ? &u->next
                        : u->old.pid == pid  ? &u->old
                                             : NULL;

    if (!p)
        return false;
    if (u->state == UNIT_STOPPING) {
        *p = (struct process){ 0 };
        if (unit_is_alive(u))
            return true;
        loop_timer_cancel(u->crew->loop, &u->grace);
        unit_set_state(u, UNIT_STOPPED);
    } else if (!unit_restart_exited(u, pid, status)) {
        main_exited(u, status);
    }
    return true;
}

void unit_notified(struct unit *u, pid_t pid)
{
    if (u->main.pid == pid) {
        u->main.notified = true;
        if (u->kind->probe == UNIT_PROBE_NONE)
            unit_settle(u, true, SPAN_NONE);
    } else if (u->next.pid == pid) {
        u->next.notified = true;
        unit_restart_notified(u);
    }
}

static void signal_all(struct unit *u, int sig)
{
    unit_signal(&u->main, sig);
    unit_signal(&u->next, sig);
    unit_signal(&u->old, sig);
}

void unit_stop(struct unit *u)
{
    if (u->state == UNIT_STOPPING || u->state == UNIT_STOPPED)
        return;
    unit_probe_stop(u);
    loop_timer_cancel(u->crew->loop, &u->timer);
    unit_restart_abandon(u, "the stack stops");
    if (!unit_is_alive(u)) {
        unit_set_state(u, UNIT_STOPPED);
        return;
    }
    loop_timer_in(u->crew->loop, &u->grace, u->crew->grace_usec);
    unit_set_state(u, UNIT_STOPPING);
    signal_all(u, u->kind->stop_signal);
}

void unit_hurry(struct unit *u)
{
    unit_stop(u);
    if (!unit_is_alive(u))
        return;
    signal_all(u, u->kind->stop_signal);
    loop_timer_in(u->crew->loop, &u->grace, HURRY_USEC);
}

/* Patience ends: with a process that stops, or with a new one that does not become ready. */
static void on_grace(void *ctx)
{
    struct unit *u = ctx;
    char message[128];

    if (u->state != UNIT_STOPPING && u->restart == RESTART_NEXT) {
        unit_restart_patience(u);
        return;
    }
    (void)snprintf(message, sizeof(message), "%s does not stop; killing it", u->name);
    tell(u->crew->teller, LOG_WARN, "unit.kill", message, KV_STR("unit", u->name));
    if (u->state == UNIT_STOPPING || u->restart == RESTART_STOPPING)
        signal_all(u, SIGKILL);
    else
        unit_signal(&u->old, SIGKILL);
}

void unit_init(struct unit *u, const struct unit_kind *kind, unsigned instance,
               const struct crew *crew)
{
    *u = (struct unit){ .kind = kind,
                        .crew = crew,
                        .instance = instance,
                        .backoff_usec = BACKOFF_FIRST_USEC,
                        .grace = { .fn = on_grace, .ctx = u } };
    if (instance == 1)
        (void)snprintf(u->name, sizeof(u->name), "%s", kind->name);
    else
        (void)snprintf(u->name, sizeof(u->name), "%.24s-%u", kind->name, instance % 1000);
    strbuf_init(&u->reason, 1024);
    unit_probe_init(u);
}

void unit_release(struct unit *u)
{
    loop_timer_cancel(u->crew->loop, &u->timer);
    loop_timer_cancel(u->crew->loop, &u->grace);
    probe_release(&u->probe);
    strbuf_release(&u->reason);
}
