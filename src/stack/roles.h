/* The roles of Sluice as children: this very program, with the addresses of the stack's servers. */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/child.h"
#include "stack/site.h"

/* unit_kind.prepare for a role or a command that runs once: the environment and the program, but
 * not argv, which is the unit's kind, and not the listening sockets. */
int role_prepare(const struct site *site, unsigned instance, struct child_spec *spec,
                 struct strbuf *err) MUST_CHECK;
