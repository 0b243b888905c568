#include "stack/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "stack/files.h"
#include "stack/leftovers.h"
#include "stack/logs.h"
#include "stack/postgres.h"
#include "stack/process.h"

/* So many deaths in a row before a unit was ever ready end the start. */
#define START_FAILURES_MAX 3
/* So long nothing has become ready: the start has failed. */
#define START_PATIENCE_USEC (60 * USEC_PER_SEC)
#define ROTATION_USEC (10 * USEC_PER_SEC)
/* Above SHUTDOWN_TIMEOUT: a role ends by itself before it is killed. */
#define GRACE_EXTRA_USEC (5 * USEC_PER_SEC)
#define LOG_TAIL_BYTES 2000

static void record_processes(struct supervisor *s)
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

/* Who waits for a detached start hears the reason at the end, and only once. */
static void tell_failure(struct supervisor *s)
{
    enum teller_console mode = s->teller.mode;

    if (s->starter_fd >= 0)
        s->teller.mode = TELLER_SILENT;
    tell(&s->teller, LOG_ERROR, "stack.failed", s->failure.ptr);
    s->teller.mode = mode;
}

static void fail_start(struct supervisor *s)
{
    tell_failure(s);
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
    fail_start(s);
}

static void on_no_progress(void *ctx)
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
        fail_start(s);
        return;
    }
    strbuf_reset(&s->failure);
    tell(&s->teller, LOG_INFO, "postgres.recovering", "PostgreSQL is still recovering; waiting");
    loop_timer_in(&s->loop, &s->progress, START_PATIENCE_USEC);
}

static void answer_starter(struct supervisor *s, char outcome, const struct strbuf *text)
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
    answer_starter(s, SUPERVISOR_STARTED, &table);
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

/* Does what has become possible. Units only mark that they changed, so that nothing here is entered
 * from within itself. */
static void advance(struct supervisor *s)
{
    while (s->dirty) {
        s->dirty = false;
        if (s->phase == PHASE_STARTING)
            advance_start(s);
        if (s->phase == PHASE_STOPPING)
            advance_stop(s);
        record_processes(s);
    }
}

static void on_unit_changed(void *ctx, struct unit *u)
{
    struct supervisor *s = ctx;

    s->dirty = true;
    if (s->phase == PHASE_STARTING && unit_is_settled(u))
        loop_timer_in(&s->loop, &s->progress, START_PATIENCE_USEC);
}

static void on_ready(void *ctx, pid_t pid)
{
    struct supervisor *s = ctx;

    for (size_t i = 0; i < s->plan.count; i++)
        unit_notified(&s->plan.units[i], pid);
}

/* Orphans of our children come to us too (we are their subreaper): nobody asks for those. */
static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < s->plan.count; i++)
            if (unit_exited(&s->plan.units[i], pid, status))
                break;
}

static void on_stop_signal(struct supervisor *s)
{
    if (s->phase < PHASE_STOPPING) {
        supervisor_stop(s);
        return;
    }
    if (s->hurried)
        return;
    s->hurried = true;
    tell(&s->teller, LOG_WARN, "stack.hurry", "stopping at once");
    for (size_t i = 0; i < s->plan.count; i++)
        unit_hurry(&s->plan.units[i]);
}

static void on_signal(void *ctx, uint32_t events)
{
    struct supervisor *s = ctx;
    struct signalfd_siginfo info;

    (void)events;
    if (read(s->signals.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGCHLD)
        reap(s);
    else
        on_stop_signal(s);
}

static void on_starter(void *ctx, uint32_t events)
{
    struct supervisor *s = ctx;

    (void)events;
    loop_unwatch(&s->loop, &s->starter);
    fd_closep(&s->starter_fd);
    s->teller.mode = TELLER_SILENT;
    strbuf_setf(&s->failure, "the command that started the stack went away before it was ready");
    fail_start(s);
}

static void on_rotation(void *ctx)
{
    struct supervisor *s = ctx;

    logs_rotate(s->site.layout.dir_fd, LOGS_MAX_BYTES);
    loop_timer_in(&s->loop, &s->rotation, ROTATION_USEC);
}

static void on_told(void *ctx, const char *message)
{
    struct supervisor *s = ctx;

    control_progress(&s->control, message);
}

static int watch_signals(struct supervisor *s)
{
    sigset_t set;
    int fd;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : loop_watch(&s->loop, &s->signals, fd, EPOLLIN);
}

static int open_everything(struct supervisor *s)
{
    int r = loop_init(&s->loop);

    if (r == 0)
        r = watch_signals(s);
    if (r == 0)
        r = control_init(&s->control, &s->loop, s->site.layout.dir_fd);
    if (r == 0)
        r = notifications_init(&s->notifications, &s->loop, on_ready, s);
    if (r == 0 && s->starter_fd >= 0)
        r = loop_watch(&s->loop, &s->starter, s->starter_fd, 0);
    if (r < 0) {
        strbuf_setf(&s->failure, "the supervisor cannot set itself up: %s", strerror(-r));
        return r;
    }
    s->teller.listener = on_told;
    s->teller.ctx = s;
    (void)snprintf(s->site.notify, sizeof(s->site.notify), "%s", s->notifications.name);
    s->crew =
        (struct crew){ .loop = &s->loop,
                       .site = &s->site,
                       .teller = &s->teller,
                       .grace_usec = s->site.settings.shutdown_timeout_usec + GRACE_EXTRA_USEC,
                       .changed = on_unit_changed,
                       .restarted = supervisor_on_restarted,
                       .ctx = s };
    return 0;
}

static int prepare_servers(struct supervisor *s)
{
    struct prometheus_target targets[PLAN_UNITS_MAX];
    _cleanup_close_ int log_fd = -1;
    int r = logs_open(s->site.layout.dir_fd, "postgres", &log_fd);

    if (r == 0 && s->site.own_postgres)
        r = postgres_setup(&s->site, log_fd, &s->failure);
    if (r < 0)
        return r;
    return prometheus_setup(&s->site, targets, plan_targets(&s->plan, targets), &s->failure);
}

static int begin(struct supervisor *s)
{
    int r = open_everything(s);

    if (r < 0)
        return r;
    record_processes(s);
    plan_fill(&s->plan, &s->crew, s->with_publisher);
    view_init(&s->view, &s->loop, &s->site, &s->plan, s->view.fd);
    tell(&s->teller, LOG_INFO, "stack.starting", "starting", KV_INT("pid", getpid()),
         KV_STR("data", s->site.layout.shown), KV_STR("user", s->site.identity.name));
    r = prepare_servers(s);
    if (r < 0)
        return r;
    loop_timer_in(&s->loop, &s->progress, START_PATIENCE_USEC);
    loop_timer_in(&s->loop, &s->rotation, ROTATION_USEC);
    s->dirty = true;
    return 0;
}

static void finish_clients(struct supervisor *s, int exit_status, const char *line)
{
    for (size_t i = 0; s->control.loop && i < CONTROL_CLIENTS_MAX; i++)
        if (s->control.clients[i].fd >= 0)
            control_finish(&s->control.clients[i], exit_status, line);
}

int supervisor_run(struct supervisor *s)
{
    int r = begin(s);

    if (r < 0)
        tell_failure(s);
    while (r == 0 && s->phase != PHASE_STOPPED) {
        advance(s);
        if (s->phase != PHASE_STOPPED)
            r = loop_step(&s->loop);
    }
    tell(&s->teller, LOG_INFO, "stack.stopped", "everything has stopped");
    answer_starter(s, SUPERVISOR_FAILED, &s->failure);
    finish_clients(s, 0, "everything has stopped");
    return s->failure.len || r < 0 ? 1 : 0;
}

void supervisor_init(struct supervisor *s, struct options options, bool with_publisher)
{
    *s = (struct supervisor){ .with_publisher = with_publisher, .starter_fd = -1 };
    site_init(&s->site);
    s->site.options = options;
    plan_init(&s->plan);
    teller_init(&s->teller, LOG_INFO, LOG_TEXT);
    strbuf_init(&s->failure, FAILURE_MAX_BYTES);
    s->loop.epoll_fd = -1;
    s->notifications = (struct notifications){ .fd = -1, .source.fd = -1 };
    s->control = (struct control){
        .fd = -1, .request = supervisor_on_request, .gone = supervisor_on_client_gone, .ctx = s
    };
    s->view.fd = -1;
    s->signals = (struct loop_source){ .fd = -1, .fn = on_signal, .ctx = s };
    s->starter = (struct loop_source){ .fd = -1, .fn = on_starter, .ctx = s };
    s->progress = (struct loop_timer){ .fn = on_no_progress, .ctx = s };
    s->rotation = (struct loop_timer){ .fn = on_rotation, .ctx = s };
}

void supervisor_release(struct supervisor *s)
{
    view_release(&s->view);
    control_release(&s->control);
    notifications_release(&s->notifications, &s->loop);
    plan_release(&s->plan);
    fd_closep(&s->signals.fd);
    fd_closep(&s->starter_fd);
    fd_closep(&s->teller.file.fd);
    loop_release(&s->loop);
    site_release(&s->site);
    strbuf_release(&s->failure);
}
