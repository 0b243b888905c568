/*
 * The process behind `sluice up`: brings the units up in their order, keeps them up, answers the
 * other commands, brings them down in order. Made in two steps: setting up (which may need root)
 * and running.
 */
#pragma once

#include <stdbool.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/control.h"
#include "stack/loop.h"
#include "stack/notifications.h"
#include "stack/plan.h"
#include "stack/site.h"
#include "stack/teller.h"
#include "stack/unit.h"
#include "stack/view.h"

#define FAILURE_MAX_BYTES 16384

/* The first byte of the answer to a detached start, after its lines of progress. */
#define SUPERVISOR_STARTED '\1'
#define SUPERVISOR_FAILED '\2'

enum supervisor_phase { PHASE_STARTING, PHASE_RUNNING, PHASE_STOPPING, PHASE_STOPPED };

struct supervisor {
    struct site site;
    struct plan plan;
    struct loop loop;
    struct teller teller;
    struct crew crew;
    struct notifications notifications;
    struct control control;
    struct view view;
    struct loop_source signals;
    struct loop_source starter; /* the terminal's end of a detached start */
    struct loop_timer progress; /* runs out when nothing becomes ready any more */
    struct loop_timer rotation;
    enum supervisor_phase phase;
    bool hurried;
    bool with_publisher;
    int starter_fd; /* where a detached start is answered; -1 = not detached, or answered */
    bool dirty;     /* something changed since advance() looked */
    struct control_client
        *restarting; /* who asked for the restart under way; NULL: gone, or none */
    bool restart_wanted[PLAN_UNITS_MAX]; /* by place in the plan: still to be restarted */
    struct strbuf failure;               /* why the stack could not start */
};

void supervisor_init(struct supervisor *s, struct options options, bool with_publisher);
void supervisor_release(struct supervisor *s);

/* Everything up to the first process: settings, directory, leftovers, ports, privileges. */
int supervisor_setup(struct supervisor *s, struct strbuf *err) MUST_CHECK;
/* Runs the stack to its end; returns the exit status. */
int supervisor_run(struct supervisor *s);

/* Begins to stop everything. */
void supervisor_stop(struct supervisor *s);
/* control.request (supervisor_commands.c) */
void supervisor_on_request(void *ctx, struct control_client *client, const char *text,
                           int passed_fd);
void supervisor_on_client_gone(void *ctx, struct control_client *client);
/* crew.restarted */
void supervisor_on_restarted(void *ctx, struct unit *u, const char *failure);
