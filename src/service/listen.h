/*
 * Listening sockets handed down by a supervisor or systemd: LISTEN_PID, LISTEN_FDS, descriptors
 * from 3 (sd_listen_fds(3)). Takes the first; marks it close-on-exec; unsets the variables.
 */
#pragma once

#include "base/macros.h"

/* The inherited listening socket, or -1 when none was handed down to this process. */
int listen_inherited(void) MUST_CHECK;
