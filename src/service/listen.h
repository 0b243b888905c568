/*
 * Listening sockets that a process inherits: the protocol of sd_listen_fds(3), which systemd's
 * socket units and our supervisor speak. LISTEN_FDS says how many there are from descriptor 3 on,
 * LISTEN_PID whose they are, LISTEN_FDNAMES what they are called.
 */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"

struct listen_sockets {
    int service;  /* -1: none, bind the port oneself */
    int observer; /* for health and metrics of this very process; -1: none */
};

/* Takes them, and the variables out of the environment, so that no child sees them: before threads
 * run. The one called "observer" is the observer's; without names it is the second. -EINVAL with
 * *err when there are more, or one that does not listen: to bind another port instead would hide
 * the mistake. */
int listen_inherited(struct listen_sockets *ret, struct strbuf *err) MUST_CHECK;
