#include "stack/servers.h"

#include <unistd.h>

const char *server_find_program(const char *const *places, const char *package, struct strbuf *err)
{
    for (const char *const *place = places; *place; place++)
        if (access(*place, X_OK) == 0)
            return *place;
    strbuf_setf(err, "%s is missing; install the package %s", places[0], package);
    return NULL;
}

int server_environment(const struct site *site, struct environment *env)
{
    static const char *const fixed[][2] = {
        { "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
        { "LC_ALL", "C.UTF-8" },
        { "TZ", "UTC" },
    };
    int r = environment_set(env, "HOME", site->layout.inside);

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fixed); i++)
        r = environment_set(env, fixed[i][0], fixed[i][1]);
    return r;
}
