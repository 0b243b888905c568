/* One phase of a trial: its events are sent and answered. */
#pragma once

#include "admin/trial/trial.h"
#include "base/macros.h"
#include "base/strbuf.h"

/* Sends the phase's events, adds them to the tally and fills in what became of them. <0 with *err:
 * the gateway did not answer, or not as the events deserve. */
int phase_run(struct trial *t, struct trial_phase *phase, struct strbuf *err) MUST_CHECK;
