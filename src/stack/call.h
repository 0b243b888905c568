/* A command's end of run/control.sock (stack/control.h says what is spoken there). */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/layout.h"

/* Sends a request (pass_fd: a descriptor that goes with it, or -1) and reads the answers to the
 * end. Progress goes to standard error as it comes, data into *data. Returns the exit status with
 * its line in *line; -ENOENT when no supervisor runs there; another -errno with *line. */
int call_supervisor(const struct layout *layout, const char *request, int pass_fd,
                    struct strbuf *data, struct strbuf *line) MUST_CHECK;
