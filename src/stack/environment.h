/* The environment of a child: a list of NAME=value that owns its strings. */
#pragma once

#include <stddef.h>

#include "base/macros.h"

#define ENVIRONMENT_MAX 1024

struct environment {
    char *items[ENVIRONMENT_MAX + 1]; /* ends with NULL, as execve(2) wants it */
    size_t count;
};

void environment_init(struct environment *env);
void environment_release(struct environment *env);
#define _cleanup_environment_ _cleanup_(environment_release)

/* Takes over what this process was given, but for names in `without` (NULL at its end; a name
 * ending in
 * '*' stands for all that begin so). */
int environment_inherit(struct environment *env, const char *const *without) MUST_CHECK;
/* Sets or replaces one. */
int environment_set(struct environment *env, const char *name, const char *value) MUST_CHECK;
/* NULL when it is not set. Borrowed. */
const char *environment_get(const struct environment *env, const char *name);
