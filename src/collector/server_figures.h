/* What the servers say of themselves: once a round of upkeep, because it changes slowly. */
#pragma once

#include "collector/context.h"

/* Sets the figures about JetStream's store, the dead letters and the database, and makes
 * tomorrow's partition where it is missing. What a server does not tell stays as it was. `db` MUST
 * be the calling thread's. 0 or a failure of the database. */
int server_figures_update(struct collector *c, struct db *db, struct strbuf *err) MUST_CHECK;
