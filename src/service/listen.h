/*
 * Listening sockets handed down by a supervisor or systemd: LISTEN_PID, LISTEN_FDS, descriptors
 * from 3 (sd_listen_fds(3)). Marks them close-on-exec; unsets the variables.
 */
#pragma once

/* -1 when it was not handed down to this process. */
struct listen_sockets {
    int service;  /* the first: where requests come in, perhaps shared with other processes */
    int observer; /* the second: for health and metrics of this process alone */
};

void listen_inherited(struct listen_sockets *ret);
