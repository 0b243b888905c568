/* One line of a log, whoever wrote it: whether it complains, when, and of what. */
#pragma once

#include <stdbool.h>

#include "admin/top/complaints.h"
#include "base/span.h"

/* Fills error, text and, where the line says it, wall_usec. False for a line that is no warning and
 * no error. Lines of our roles (JSON or text), PostgreSQL, nats-server, Prometheus. */
bool log_line_complains(struct span line, struct complaint *ret);
