/* What the supervisor does next: which units start, whether the start has failed, which units stop.
 */
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "stack/files.h"
#include "stack/leftovers.h"
#include "stack/logs.h"
#include "stack/process.h"
#include "stack/supervisor_private.h"

/* So many deaths in a row before a unit was ever ready end the start. */
#define START_FAILURES_MAX 3
#define LOG_TAIL_BYTES 2000

void supervisor_record(struct supervisor *s)
{
    _cleanup_strbuf_ struct strbuf lines;

    strbuf_init(&lines, 65536);
    leftovers_line(&lines, LEFTOVERS_SUPERVISOR, getpid(), process_birth(getpid()), SIGTERM);
    for (size_t i = 0; i < s->plan.count; i++) {
        const struct unit *u = &s->plan.units[i];
        const struct process *all[] = { &u->main, &u->next, &u->old };

        for (size_t j = 0; j < ARRAY_SIZE(all); j++)
            if (all[j]->pid)
                leftovers_line(&lines, u->name, all[j]->pid, all[j]->birth, u->kind->stop_signal);
    }
    if (leftovers_record(s->site.layout.dir_fd, strbuf_span(&lines)) < 0)
        tell(&s->teller, LOG_WARN, "processes.write", "run/processes cannot be written",
             KV_STR("then", "going on; after a kill -9 of the supervisor they are not found"));
}

void supervisor_stop(struct supervisor *s)
{
    if (s->phase >= PHASE_STOPPING)
        return;
    s->phase = PHASE_STOPPING;
    s->dirty = true;
    loop_timer_cancel(&s->loop, &s->progress);
    view_end(&s->view);
    tell(&s->teller, LOG_INFO, "stack.stopping", "stopping everything in order");
}

void supervisor_tell_failure(struct supervisor *s)
{
    enum teller_console mode = s->teller.mode;

    if (s->starter_fd >= 0)
        s->teller.mode = TELLER_SILENT;
    tell(&s->teller, LOG_ERROR, "stack.failed", s->failure.ptr);
    s->teller.mode = mode;
}

void supervisor_fail_start(struct supervisor *s)
{
    supervisor_tell_failure(s);
    supervisor_stop(s);
}

/* With the end of its log: that is where the reason stands. */
static void fail_for_unit(struct supervisor *s, const struct unit *u)
{
    char path[LOGS_PATH_MAX];

    logs_path(u->name, path);
    strbuf_setf(&s->failure, "%s does not start: %s. The end of %s/%s:\n", u->name, u->reason.ptr,
                s->site.layout.shown, path);
    file_tail(s->site.layout.dir_fd, path, LOG_TAIL_BYTES, &s->failure);
    supervisor_fail_start(s);
}

void supervisor_on_no_progress(void *ctx)
{
    struct supervisor *s = ctx;
    bool recovering = false;

    strbuf_setf(&s->failure, "not ready for %d s:", (int)(START_PATIENCE_USEC / USEC_PER_SEC));
    for (size_t i = 0; i < s->plan.count; i++) {
        const struct unit *u = &s->plan.units[i];

        if (unit_is_settled(u))
            continue;
        /* A database that replays its log after a crash may take its time. */
        recovering |= u->kind->id == UNIT_POSTGRES && u->main.pid &&
                      probe_postgres_state(&u->probe) == PROBE_POSTGRES_STARTING;
        (void)strbuf_addf(&s->failure, "\n  %s is %s%s%s", u->name, unit_state_names[u->state],
                          u->reason.len ? ": " : "", u->reason.ptr);
    }
    if (!recovering) {
        supervisor_fail_start(s);
        return;
    }
    strbuf_reset(&s->failure);
    tell(&s->teller, LOG_INFO, "postgres.recovering", "PostgreSQL is still recovering; waiting");
    loop_timer_in(&s->loop, &s->progress, START_PATIENCE_USEC);
}

void supervisor_answer_starter(struct supervisor *s, char outcome, const struct strbuf *text)
{
    if (s->starter_fd < 0)
        return;
    (void)fd_write_all(s->starter_fd, span_of(&outcome, 1));
    (void)fd_write_all(s->starter_fd, strbuf_span(text));
    loop_unwatch(&s->loop, &s->starter);
    fd_closep(&s->starter_fd);
    s->teller.mode = TELLER_SILENT;
}

static void begin_running(struct supervisor *s)
{
    _cleanup_strbuf_ struct strbuf table;

    s->phase = PHASE_RUNNING;
    loop_timer_cancel(&s->loop, &s->progress);
    tell(&s->teller, LOG_INFO, "stack.ready", "everything is ready");
    strbuf_init(&table, 16384);
    view_table(&s->site, &s->plan, &table);
    supervisor_answer_starter(s, SUPERVISOR_STARTED, &table);
    view_begin(&s->view);
}

static void advance_start(struct supervisor *s)
{
    bool all = true;

    for (size_t i = 0; i < s->plan.count && s->phase == PHASE_STARTING; i++) {
        struct unit *u = &s->plan.units[i];

        if (u->failures >= START_FAILURES_MAX)
            fail_for_unit(s, u);
        else if (u->state == UNIT_WAITING && plan_may_start(&s->plan, u))
            unit_start(u);
        all &= unit_is_settled(u);
    }
    if (all && s->phase == PHASE_STARTING)
        begin_running(s);
}

static void advance_stop(struct supervisor *s)
{
    unsigned stage = ~0U;

    for (size_t i = 0; i < s->plan.count; i++)
        if (s->plan.units[i].state != UNIT_STOPPED)
            stage = MIN(stage, s->plan.units[i].kind->stop_stage);
    if (stage == ~0U)
        s->phase = PHASE_STOPPED;
    for (size_t i = 0; i < s->plan.count; i++)
        if (s->plan.units[i].kind->stop_stage == stage)
            unit_stop(&s->plan.units[i]);
}

void supervisor_advance(struct supervisor *s)
{
    while (s->dirty) {
        s->dirty = false;
        if (s->phase == PHASE_STARTING)
            advance_start(s);
        if (s->phase == PHASE_STOPPING)
            advance_stop(s);
        supervisor_record(s);
    }
}
