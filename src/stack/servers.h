/* What the private servers have in common. */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/environment.h"
#include "stack/site.h"

/* The first of the places (NULL at the end) that holds a program. NULL with *err, which names the
 * Debian package that brings it. Borrowed from `places`. */
const char *server_find_program(const char *const *places, const char *package, struct strbuf *err);
/* A plain environment: nothing of the caller's own settings changes a server. */
int server_environment(const struct site *site, struct environment *env) MUST_CHECK;
