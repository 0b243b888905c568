/*
 * What a stack consists of: which units, on which ports, what each waits for, in which order they
 * stop.
 */
#pragma once

#include <stddef.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/nats_server.h"
#include "stack/prometheus.h"
#include "stack/site.h"
#include "stack/teller.h"
#include "stack/unit.h"

#define PLAN_UNITS_MAX (UNIT_ID_COUNT + NATS_SERVERS_MAX + SCALE_COUNT * SCALE_MAX)

/* The listening sockets of the roles, opened before anything starts and owned here. */
struct plan_sockets {
    /* [role][instance]: all instances of a role that serves requests share the first one ... */
    int fd[SCALE_COUNT][SCALE_MAX];
    /* ... and then each has one of its own, for its health and metrics */
    int own[SCALE_COUNT][SCALE_MAX];
};

struct plan {
    struct plan_sockets sockets;
    struct unit units[PLAN_UNITS_MAX];
    size_t count;
};

void plan_init(struct plan *plan);
void plan_release(struct plan *plan);

/* Settles site->port[], opens the sockets of the roles and tries the servers' ports. *err names
 * every port that is taken, and by whom: best called while that may still be seen, as root. */
int plan_claim_ports(struct plan *plan, struct site *site, struct teller *teller,
                     struct strbuf *err) MUST_CHECK;
/* Fills the units; with_publisher: `demo`. */
void plan_fill(struct plan *plan, const struct crew *crew, bool with_publisher);
/* Which processes Prometheus scrapes. Returns how many; targets holds PLAN_UNITS_MAX. */
size_t plan_targets(const struct plan *plan, struct prometheus_target *targets);
/* Whether everything that `u` comes after is settled. */
bool plan_may_start(const struct plan *plan, const struct unit *u);
