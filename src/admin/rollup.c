/* sluice rollup: compares what reports read with the events, and mends it, while everything runs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/rollup/rollup.h"
#include "admin/servers.h"
#include "base/clock.h"
#include "service/settings.h"

enum { FLAG_FROM, FLAG_TO, FLAG_JSON, FLAG_DATA, FLAG_END };
enum { EXIT_RIGHT = 0, EXIT_DIFFERS = 1, EXIT_NOT_DONE = 2 };

#define DAY_CHARS 10

static int take_verb(struct rollup *r, int argc, char **argv, struct strbuf *err)
{
    r->rebuild = argc == 2 && strcmp(argv[1], "rebuild") == 0;
    if (r->rebuild || (argc == 2 && strcmp(argv[1], "verify") == 0))
        return 0;
    strbuf_setf(err, "takes verify or rebuild; --help explains them");
    return -EINVAL;
}

static int take_day(const struct settings_flag *flag, const char **ret_day, struct strbuf *err)
{
    char text[64];
    int64_t usec;

    if (!flag->value)
        return 0;
    (void)snprintf(text, sizeof(text), "%.10sT00:00:00Z", flag->value);
    if (strlen(flag->value) == DAY_CHARS && timestamp_parse(span_str(text), &usec) == 0) {
        *ret_day = flag->value;
        return 0;
    }
    strbuf_setf(err, "%s=%s: takes a day such as 2026-01-31", flag->name, flag->value);
    return -EINVAL;
}

static int take_days(struct rollup *r, const struct settings_flag *flags, struct strbuf *err)
{
    int e = take_day(&flags[FLAG_FROM], &r->from, err);

    if (e == 0)
        e = take_day(&flags[FLAG_TO], &r->to, err);
    if (e == 0 && r->from && r->to && strcmp(r->from, r->to) > 0) {
        strbuf_setf(err, "--from must not be later than --to");
        e = -EINVAL;
    }
    return e;
}

static int load(struct rollup *r, struct settings *settings, struct servers *servers, int argc,
                char **argv, struct strbuf *err)
{
    struct settings_flag flags[] = {
        [FLAG_FROM] = { "--from", "DAY",
                        "the first UTC day, such as 2026-01-31 (default: the first there is)",
                        NULL },
        [FLAG_TO] = { "--to", "DAY", "the last UTC day (default: the last there is)", NULL },
        [FLAG_JSON] = { "--json", NULL, "print the result as JSON", NULL },
        [FLAG_DATA] = { "--data", "DIR",
                        "the stack in this data directory (default: the servers "
                        "of the settings, or the stack in var)",
                        NULL },
        [FLAG_END] = { NULL, NULL, NULL, NULL },
    };
    const struct settings_command command = {
        .usage = "sluice rollup verify|rebuild [flags]",
        .about = "Rollups are what reports read instead of events. verify recounts them from the "
                 "events and names what differs; it changes nothing, and a replica will do. "
                 "rebuild mends what differs. Both may run under load, and rebuild again after it "
                 "was interrupted. Exits 0 when all is right (or mended), 1 when verify found a "
                 "difference, 2 when it could not be done.",
        .flags = flags,
        .takes_arguments = true,
    };
    int e = settings_load(settings, ROLE_ADMIN, &argc, argv, &command, err);

    if (e != 0)
        return e;
    r->json = flags[FLAG_JSON].value != NULL;
    e = take_verb(r, argc, argv, err);
    if (e == 0)
        e = take_days(r, flags, err);
    return e < 0 ? e : servers_find(flags[FLAG_DATA].value, settings, servers, err);
}

static int run(struct rollup *r, const struct servers *servers, struct strbuf *err)
{
    r->db = r->rebuild ? servers_new_db(servers, "sluice rollup")
                       : servers_new_reader(servers, "sluice rollup");
    return r->db ? rollup_run(r, err) : -ENOMEM;
}

int admin_rollup(int argc, char **argv)
{
    _cleanup_(settings_release) struct settings settings = { 0 };
    _cleanup_strbuf_ struct strbuf err;
    struct servers servers = { 0 };
    struct rollup rollup = { 0 };
    int status = EXIT_NOT_DONE, e;

    strbuf_init(&err, 4096);
    e = load(&rollup, &settings, &servers, argc, argv, &err);
    if (e > 0)
        return EXIT_RIGHT;
    if (e == 0)
        e = run(&rollup, &servers, &err);
    if (e == 0) {
        rollup_print(&rollup);
        status = rollup.rebuild || !rollup.differences.total ? EXIT_RIGHT : EXIT_DIFFERS;
    } else {
        fprintf(stderr, "sluice rollup: %s\n", err.len ? err.ptr : "out of memory");
    }
    differences_release(&rollup.differences);
    rollup.db = db_free(rollup.db);
    return status;
}
