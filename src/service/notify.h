/*
 * Tells whoever started this process how it is: the protocol of sd_notify(3), spoken to the
 * datagram socket that NOTIFY_SOCKET names. The supervisor's `restart` waits for it, because a
 * listening socket that two processes share cannot tell which of them answers; systemd units may
 * use Type=notify.
 */
#pragma once

/* "READY=1": it serves and its dependencies answer. Does nothing when nobody wants to know. Any
 * thread. */
void notify_ready(void);
/* "STOPPING=1": it drains. */
void notify_stopping(void);
