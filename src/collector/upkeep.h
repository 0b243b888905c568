/*
 * What keeps the database from growing for ever: every UPKEEP_INTERVAL one collector prunes the
 * ledger of each stream, and one does what RETENTION_DAYS and METRICS_DAYS ask for and forgets what
 * became of old requests. Which ones decide locks in the database; the others find them taken and
 * wait for the next time. In between one merges the deltas of the cubes every few seconds.
 */
#pragma once

#include "collector/context.h"

/* Starts the thread. */
int upkeep_new(struct collector *c, struct upkeep **ret_upkeep, struct strbuf *err) MUST_CHECK;
/* After c->stopping was set: cuts off what runs and ends. NULL is fine. */
struct upkeep *upkeep_free(struct upkeep *u);
