/* Who listens on a port, from /proc/net/tcp (proc(5)) and the descriptors of the processes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

/* Appends "nginx (pid 123)", or as much as may be known: "a process of user 33". */
void port_holder(uint32_t port, struct strbuf *out);

/* One line of /proc/net/tcp or tcp6: true when it is a socket that listens on `port`. */
bool port_holder_line(struct span line, uint32_t port, uint64_t *ret_inode, uint64_t *ret_uid);
