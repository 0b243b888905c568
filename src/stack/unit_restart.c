/* Replacing a unit's process: beside the old one on the shared socket, or after it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "stack/unit_private.h"

static void end_restart(struct unit *u, const char *failure)
{
    u->restart = RESTART_NONE;
    loop_timer_cancel(u->crew->loop, &u->grace);
    u->crew->restarted(u->crew->ctx, u, failure);
}

void unit_restart_abandon(struct unit *u, const char *why)
{
    if (u->restart != RESTART_NONE)
        end_restart(u, why);
}

static int begin_beside(struct unit *u, struct strbuf *err)
{
    int r = unit_spawn(u, &u->next, err);

    if (r < 0)
        return r;
    u->restart = RESTART_NEXT;
    loop_timer_in(u->crew->loop, &u->grace, RESTART_READY_USEC);
    unit_set_state(u, u->state);
    return 0;
}

static void begin_after(struct unit *u)
{
    u->restart = RESTART_STOPPING;
    unit_probe_stop(u);
    loop_timer_in(u->crew->loop, &u->grace, u->crew->grace_usec);
    unit_signal(&u->main, u->kind->stop_signal);
}

int unit_restart(struct unit *u, struct strbuf *err)
{
    if (u->restart != RESTART_NONE || u->state == UNIT_STOPPING) {
        strbuf_setf(err, "%s is being %s already", u->name,
                    u->state == UNIT_STOPPING ? "stopped" : "restarted");
        return -EBUSY;
    }
    if (!u->main.pid) {
        u->restart = RESTART_STARTING;
        unit_start(u);
        return 0;
    }
    if (u->listen_count)
        return begin_beside(u, err);
    begin_after(u);
    return 0;
}

void unit_restart_notified(struct unit *u)
{
    if (u->restart != RESTART_NEXT)
        return;
    u->old = u->main;
    u->main = u->next;
    u->main.ready_usec = clock_mono_usec();
    u->next = (struct process){ 0 };
    u->restart = RESTART_OLD;
    unit_set_state(u, UNIT_READY);
    loop_timer_in(u->crew->loop, &u->grace, u->crew->grace_usec);
    unit_signal(&u->old, u->kind->stop_signal);
}

void unit_restart_patience(struct unit *u)
{
    unit_signal(&u->next, SIGKILL); /* its exit ends the restart */
}

/* The present process died while the new one was starting: the new one takes its place. */
static void promote_next(struct unit *u)
{
    u->main = u->next;
    u->next = (struct process){ 0 };
    u->restart = RESTART_STARTING;
    loop_timer_cancel(u->crew->loop, &u->grace);
    unit_set_state(u, UNIT_STARTING);
}

static void next_exited(struct unit *u, int status)
{
    _cleanup_strbuf_ struct strbuf why;

    strbuf_init(&why, 512);
    (void)strbuf_adds(&why, "the new process did not become ready (");
    child_status_text(status, &why);
    (void)strbuf_adds(&why, "); the old one goes on");
    u->next = (struct process){ 0 };
    unit_set_state(u, u->state);
    end_restart(u, why.ptr);
}

bool unit_restart_exited(struct unit *u, pid_t pid, int status)
{
    if (u->next.pid == pid) {
        next_exited(u, status);
    } else if (u->old.pid == pid) {
        u->old = (struct process){ 0 };
        unit_set_state(u, u->state);
        if (u->restart == RESTART_OLD)
            end_restart(u, NULL);
    } else if (u->restart == RESTART_NEXT) {
        promote_next(u);
    } else if (u->restart == RESTART_STOPPING) {
        u->main = (struct process){ 0 };
        loop_timer_cancel(u->crew->loop, &u->grace);
        u->restart = RESTART_STARTING;
        unit_start(u);
    } else {
        if (u->restart == RESTART_STARTING)
            end_restart(u, "it ended before it was ready");
        return false;
    }
    return true;
}

void unit_restart_settled(struct unit *u)
{
    if (u->restart == RESTART_STARTING)
        end_restart(u, NULL);
}
