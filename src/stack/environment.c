#include "stack/environment.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void environment_init(struct environment *env)
{
    env->count = 0;
    env->items[0] = NULL;
}

void environment_release(struct environment *env)
{
    for (size_t i = 0; i < env->count; i++)
        free(env->items[i]);
    environment_init(env);
}

static int add_owned(struct environment *env, char *item)
{
    if (!item)
        return -ENOMEM;
    if (env->count == ENVIRONMENT_MAX) {
        free(item);
        return -E2BIG;
    }
    env->items[env->count++] = item;
    env->items[env->count] = NULL;
    return 0;
}

static bool item_has_name(const char *item, const char *name, size_t len)
{
    return strncmp(item, name, len) == 0 && item[len] == '=';
}

static bool is_named(const char *item, const char *const *names)
{
    for (; names && *names; names++) {
        size_t len = strlen(*names);

        if ((*names)[len - 1] == '*' ? strncmp(item, *names, len - 1) == 0
                                     : item_has_name(item, *names, len))
            return true;
    }
    return false;
}

int environment_inherit(struct environment *env, const char *const *without)
{
    for (char **item = environ; item && *item; item++) {
        int r;

        if (is_named(*item, without))
            continue;
        r = add_owned(env, strdup(*item));
        if (r < 0)
            return r;
    }
    return 0;
}

int environment_set(struct environment *env, const char *name, const char *value)
{
    char *item = NULL;

    if (asprintf(&item, "%s=%s", name, value) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < env->count; i++) {
        if (!item_has_name(env->items[i], name, strlen(name)))
            continue;
        free(env->items[i]);
        env->items[i] = item;
        return 0;
    }
    return add_owned(env, item);
}

const char *environment_get(const struct environment *env, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < env->count; i++)
        if (item_has_name(env->items[i], name, len))
            return env->items[i] + len + 1;
    return NULL;
}
