/* The supervisor as a process: its descriptors, its children, its life from begin to end. */
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
#include "stack/logs.h"
#include "stack/postgres.h"
#include "stack/supervisor_private.h"

#define ROTATION_USEC (10 * USEC_PER_SEC)
/* Above SHUTDOWN_TIMEOUT: a role ends by itself before it is killed. */
#define GRACE_EXTRA_USEC (5 * USEC_PER_SEC)

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
    supervisor_fail_start(s);
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
    supervisor_record(s);
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
        supervisor_tell_failure(s);
    while (r == 0 && s->phase != PHASE_STOPPED) {
        supervisor_advance(s);
        if (s->phase != PHASE_STOPPED)
            r = loop_step(&s->loop);
    }
    tell(&s->teller, LOG_INFO, "stack.stopped", "everything has stopped");
    supervisor_answer_starter(s, SUPERVISOR_FAILED, &s->failure);
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
    s->progress = (struct loop_timer){ .fn = supervisor_on_no_progress, .ctx = s };
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
