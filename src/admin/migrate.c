/* `sluice migrate`: brings the schema of DATABASE_URL up to date, or says how far it is. */
#include <errno.h>
#include <stdio.h>

#include "admin/admin.h"
#include "service/settings.h"
#include "store/db.h"
#include "store/migrate.h"

#define CONNECT_TIMEOUT_USEC (10 * UINT64_C(1000000))
#define TEXT_MAX 4096

/* As `sluice migrate --status` exits; scripts wait for it. */
enum { EXIT_UP_TO_DATE = 0, EXIT_FAILED = 1, EXIT_BEHIND = 3 };

static int show_state(const struct migration_state *state)
{
    printf("schema version %u, this binary wants %u: %s\n", state->version, state->wanted,
           state->version < state->wanted   ? "run `sluice migrate`"
           : state->version > state->wanted ? "the database is newer; this binary can run on it"
                                            : "up to date");
    return state->version < state->wanted ? EXIT_BEHIND : EXIT_UP_TO_DATE;
}

enum { FLAG_STATUS, FLAG_CITUS, FLAG_END };

static int run(const struct settings *s, bool only_status, bool distribute, struct strbuf *err)
{
    const struct db_options options = {
        .url = s->database_url,
        .application_name = "sluice migrate",
        .connect_timeout_usec = CONNECT_TIMEOUT_USEC,
    };
    _cleanup_(db_freep) struct db *db = db_new(&options);
    struct migration_state state;
    uint32_t applied = 0;
    int r = db ? 0 : -ENOMEM;

    if (r == 0 && !only_status)
        r = migrate_run(db, &applied, err);
    if (r == 0 && !only_status && distribute)
        r = migrate_distribute(db, err);
    if (r == 0)
        r = migrate_state_of(db, &state, err);
    if (r != 0)
        return EXIT_FAILED;
    if (!only_status)
        printf("%u migration%s applied now; ", applied, applied == 1 ? "" : "s");
    return show_state(&state);
}

int admin_migrate(int argc, char **argv)
{
    struct settings_flag flags[] = {
        [FLAG_STATUS] = { .name = "--status",
                          .help = "only say how far the schema is; exit 3 when it is behind" },
        [FLAG_CITUS] = { .name = "--citus",
                         .help = "then distribute the tables over the nodes of a Citus cluster" },
        [FLAG_END] = { 0 },
    };
    const struct settings_command command = {
        .usage = "sluice migrate [flags]",
        .about =
            "Brings the schema of the database up to date. Several may run at once: one works, "
            "the others wait for it.",
        .flags = flags,
    };
    _cleanup_(settings_release) struct settings settings = { 0 };
    _cleanup_strbuf_ struct strbuf err;
    int status = EXIT_FAILED, r;

    strbuf_init(&err, TEXT_MAX);
    r = settings_load(&settings, ROLE_MIGRATE, &argc, argv, &command, &err);
    if (r == 0)
        status =
            run(&settings, flags[FLAG_STATUS].value != NULL, flags[FLAG_CITUS].value != NULL, &err);
    if (r > 0)
        return EXIT_UP_TO_DATE;
    if (status == EXIT_FAILED)
        fprintf(stderr, "sluice migrate: %s\n", err.len ? err.ptr : "out of memory");
    return status;
}
