/* One run of `sluice audit`: what it was asked for, and what it found. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "admin/audit/account.h"
#include "admin/audit/differences.h"
#include "admin/trial/progress.h"
#include "bus/bus.h"
#include "event/event.h"
#include "store/audit.h"
#include "store/db.h"

struct audit {
    int source; /* enum event_source, -1 = all */
    bool quick; /* the tables are not recounted */
    bool json;

    struct bus *bus; /* owned, as is db */
    struct db *db;
    struct progress progress;

    struct account accounts[SOURCE_COUNT];
    size_t account_count;
    struct audit_keys keys; /* of an audit of all sources that is not quick */
    struct differences differences;
    uint64_t took_usec, tables_usec; /* in all; of these, the recounts */
};

/* Reads and compares; what differs is in a->differences. 0, or not 0 and *err: it could not be
 * done. */
int audit_run(struct audit *a, struct strbuf *err) MUST_CHECK;

/* To standard output. */
void audit_print(const struct audit *a);
