/*
 * One process that the supervisor keeps running: how it is started, when it is ready, what follows
 * when it dies. A unit is a small machine of states; the supervisor decides when units start and
 * stop.
 *
 *   waiting -> starting -> ready <-> unready
 *                 ^          |
 *              backoff <-----+  (it died)         any -> stopping -> stopped
 *   A unit that runs once (migrate, init) goes starting -> done.
 *
 * A restart of a unit with a listening socket runs the new process (`next`) beside the present one
 * (`main`) until it says that it is ready, then swaps them and stops the old one (`old`).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/child.h"
#include "stack/loop.h"
#include "stack/probe.h"
#include "stack/site.h"
#include "stack/teller.h"

enum unit_id {
    UNIT_POSTGRES,
    UNIT_NATS,
    UNIT_PROMETHEUS,
    UNIT_MIGRATE,
    UNIT_INIT,
    UNIT_GATEWAY,
    UNIT_FB_COLLECTOR,
    UNIT_TTK_COLLECTOR,
    UNIT_REPORTER,
    UNIT_PUBLISHER,
    UNIT_ID_COUNT
};

enum unit_state {
    UNIT_WAITING,
    UNIT_STARTING,
    UNIT_READY,
    UNIT_UNREADY,
    UNIT_BACKOFF,
    UNIT_DONE,
    UNIT_STOPPING,
    UNIT_STOPPED,
    UNIT_STATE_COUNT
};
extern const char *const unit_state_names[UNIT_STATE_COUNT];

enum unit_probe { UNIT_PROBE_NONE, UNIT_PROBE_HTTP, UNIT_PROBE_POSTGRES };

struct unit_kind {
    enum unit_id id;
    const char *name;
    uint32_t after; /* 1 << enum unit_id: these are ready or done before it starts */
    int stop_signal;
    unsigned stop_stage; /* lower ones stop first */
    bool once;           /* runs to its end */
    bool notifies;       /* says itself when it is ready */
    bool is_role;
    enum unit_probe probe;
    const char *probe_path;
    int port_offset;  /* enum port_offset: what `status` shows */
    int probe_offset; /* where it is asked, if that is another port; else the same */
    /* Fills what to run; called before each start. instance: 1 of the first. */
    int (*prepare)(const struct site *site, unsigned instance, struct child_spec *spec,
                   struct strbuf *err);
};

struct process {
    pid_t pid; /* 0 = none */
    uint64_t
        birth; /* start time as /proc/PID/stat has it: tells it from a later process of this pid */
    uint64_t ready_usec; /* monotonic; 0 = not yet */
    bool notified;
};

enum unit_restart {
    RESTART_NONE,
    RESTART_NEXT,     /* the new process is not ready yet */
    RESTART_OLD,      /* the old one drains */
    RESTART_STOPPING, /* no socket to share: it stops first */
    RESTART_STARTING
};

struct unit;

/* What all units of a stack share. */
struct crew {
    struct loop *loop;
    const struct site *site;
    struct teller *teller;
    uint64_t grace_usec; /* from the stop signal to SIGKILL */
    /* The unit's state or processes changed. */
    void (*changed)(void *ctx, struct unit *u);
    /* A restart ended. failure: why, or NULL. */
    void (*restarted)(void *ctx, struct unit *u, const char *failure);
    void *ctx;
};

struct unit {
    const struct unit_kind *kind;
    const struct crew *crew;
    char name[32];     /* "gateway", "gateway-2" */
    unsigned instance; /* 1 of "gateway", 2 of "gateway-2" */
    uint32_t port;     /* 0 = none */
    uint32_t own_port; /* where this very process answers; = port unless several share that */
    int listen_fds[CHILD_LISTEN_MAX]; /* borrowed */
    int listen_count;
    enum unit_state state;
    enum unit_restart restart;
    struct process main, next, old;
    uint64_t backoff_usec;
    uint32_t failures; /* deaths in a row before it was ever ready */
    uint64_t started_usec;
    struct strbuf reason; /* why it is not ready, for a person */
    struct probe probe;
    struct loop_timer timer; /* the next probe, or the end of the backoff */
    struct loop_timer grace; /* patience with a process that starts or stops ends */
};

void unit_init(struct unit *u, const struct unit_kind *kind, unsigned instance,
               const struct crew *crew);
void unit_release(struct unit *u);

void unit_start(struct unit *u);
/* Asks it to stop; it is UNIT_STOPPED when all its processes are gone. */
void unit_stop(struct unit *u);
/* Stops it at once: the stop signal again, and SIGKILL soon after. */
void unit_hurry(struct unit *u);
/* Begins a restart. <0 with *err when it cannot now. */
int unit_restart(struct unit *u, struct strbuf *err) MUST_CHECK;

/* A child of the supervisor has ended. True when it was one of this unit. */
bool unit_exited(struct unit *u, pid_t pid, int status);
/* A child said that it is ready. */
void unit_notified(struct unit *u, pid_t pid);

bool unit_is_alive(const struct unit *u);
/* Ready or done: those that come after it may start. */
bool unit_is_settled(const struct unit *u);
