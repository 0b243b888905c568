/* Shared by the files of the supervisor (supervisor*.c) only. */
#pragma once

#include "stack/supervisor.h"

/* So long nothing has become ready: the start has failed. */
#define START_PATIENCE_USEC (60 * USEC_PER_SEC)

/* Does what has become possible. Units only mark that they changed, so that nothing is entered from
 * within itself. */
void supervisor_advance(struct supervisor *s);
/* Writes run/processes. */
void supervisor_record(struct supervisor *s);
/* Gives the start up for the reason in s->failure. */
void supervisor_fail_start(struct supervisor *s);
/* Who waits for a detached start hears the reason at the end, and only once. */
void supervisor_tell_failure(struct supervisor *s);
/* Ends the conversation with who started us detached; outcome: SUPERVISOR_STARTED or _FAILED. */
void supervisor_answer_starter(struct supervisor *s, char outcome, const struct strbuf *text);
/* s->progress */
void supervisor_on_no_progress(void *ctx);
