#include "stack/roles.h"

#include <stdio.h>

#include "stack/nats_server.h"

/* What the caller's environment holds of these is not for the roles: they get their own. */
static const char *const not_inherited[] = { "PORT", "LISTEN_*", "NOTIFY_SOCKET", NULL };
/* The private database is reached by its URL alone. */
static const char *const not_inherited_private[] = { "PORT", "LISTEN_*", "NOTIFY_SOCKET", "PG*",
                                                     NULL };

int role_prepare(const struct site *site, UNUSED unsigned instance, struct child_spec *spec,
                 struct strbuf *err)
{
    char endpoint[64];
    int r =
        environment_inherit(&spec->env, site->own_postgres ? not_inherited_private : not_inherited);

    (void)snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u/webhook/events",
                   site->port[PORT_GATEWAY]);
    if (r == 0)
        r = environment_set(&spec->env, "NATS_URL", site->nats_url);
    if (r == 0)
        r = environment_set(&spec->env, "DATABASE_URL", site->database_url);
    if (r == 0)
        r = environment_set(&spec->env, "EVENT_ENDPOINT", endpoint);
    if (r == 0)
        r = nats_server_tell_roles(site, &spec->env);
    if (r == 0)
        r = environment_set(&spec->env, "NOTIFY_SOCKET", site->notify);
    /* libpq looks for certificates at home, and fails where it may not look. */
    if (r == 0 && site->identity.switched)
        r = environment_set(&spec->env, "HOME", site->layout.inside);
    if (r < 0)
        strbuf_setf(err, "too large an environment");
    spec->exe_fd = site->exe_fd;
    return r;
}
