/* Shared by the files of the unit (unit*.c) only. */
#pragma once

#include "stack/unit.h"

#define BACKOFF_FIRST_USEC (200 * USEC_PER_MSEC)
#define BACKOFF_MAX_USEC (10 * USEC_PER_SEC)
/* Ready for this long, a process counts as healthy: its next death begins with the shortest
 * backoff. */
#define HEALTHY_USEC (10 * USEC_PER_SEC)
#define RESTART_READY_USEC (30 * USEC_PER_SEC)
#define HURRY_USEC (2 * USEC_PER_SEC)

/* The one function that changes a unit's state. */
void unit_set_state(struct unit *u, enum unit_state state);
/* Starts one more process of the unit into *p. */
int unit_spawn(struct unit *u, struct process *p, struct strbuf *err) MUST_CHECK;
void unit_signal(struct process *p, int sig);
/* Probing: begins when the process has been started, goes on until unit_probe_stop(). */
void unit_probe_init(struct unit *u);
void unit_probe_begin(struct unit *u);
void unit_probe_stop(struct unit *u);
/* Looks whether the unit has become ready by what it said and what it answered last. */
void unit_settle(struct unit *u, bool answers, struct span why);
/* The parts of a restart. */
bool unit_restart_exited(struct unit *u, pid_t pid, int status);
void unit_restart_notified(struct unit *u);
void unit_restart_settled(struct unit *u);
void unit_restart_patience(struct unit *u);
void unit_restart_abandon(struct unit *u, const char *why);
