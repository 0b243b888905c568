/* sluice audit: proves from the streams, the ledger and the tables that every accepted event is
 * accounted for, while everything runs. */
#include <errno.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/arguments.h"
#include "admin/audit/audit.h"
#include "admin/servers.h"
#include "service/settings.h"

enum { FLAG_SOURCE, FLAG_QUICK, FLAG_JSON, FLAG_DATA, FLAG_END };
enum { EXIT_RIGHT = 0, EXIT_DIFFERS = 1, EXIT_NOT_DONE = 2 };

static int load(struct audit *a, struct settings *settings, struct servers *servers, int argc,
                char **argv, struct strbuf *err)
{
    struct settings_flag flags[] = {
        [FLAG_SOURCE] = { "--source", "NAME", "only this source (default: all)", NULL },
        [FLAG_QUICK] = { "--quick", NULL, "only stream and ledger; the tables are not recounted",
                         NULL },
        [FLAG_JSON] = { "--json", NULL, "print the result as JSON", NULL },
        [FLAG_DATA] = { "--data", "DIR",
                        "the stack in this data directory (default: the servers "
                        "of the settings, or the stack in var)",
                        NULL },
        [FLAG_END] = { NULL, NULL, NULL, NULL },
    };
    const struct settings_command command = {
        .usage = "sluice audit [flags]",
        .about = "Proves that every accepted event is stored, a duplicate, dead-lettered, expired "
                 "or in flight, and that the tables agree with one another. Changes nothing and "
                 "may run under load. Exits 0 when all is right, 1 when something differs (it is "
                 "named), 2 when it could not be done.",
        .flags = flags,
    };
    int r = settings_load(settings, ROLE_ADMIN, &argc, argv, &command, err);

    if (r != 0)
        return r;
    a->quick = flags[FLAG_QUICK].value != NULL;
    a->json = flags[FLAG_JSON].value != NULL;
    a->source = -1;
    r = argument_source(&flags[FLAG_SOURCE], &a->source, err);
    return r < 0 ? r : servers_find(flags[FLAG_DATA].value, settings, servers, err);
}

static int run(struct audit *a, const struct servers *servers, struct log *log, struct strbuf *err)
{
    int r = servers_open_bus(servers, "sluice audit", log, &a->bus, err);

    if (r < 0)
        return r;
    a->db = servers_new_db(servers, "sluice audit");
    return a->db ? audit_run(a, err) : -ENOMEM;
}

static void release(struct audit *a)
{
    for (size_t i = 0; i < a->account_count; i++)
        account_release(&a->accounts[i]);
    differences_release(&a->differences);
    a->bus = bus_close(a->bus);
    a->db = db_free(a->db);
}

int admin_audit(int argc, char **argv)
{
    _cleanup_(settings_release) struct settings settings = { 0 };
    _cleanup_strbuf_ struct strbuf err;
    struct servers servers = { 0 };
    struct audit audit = { 0 };
    int status = EXIT_NOT_DONE, r;
    struct log log;

    strbuf_init(&err, 4096);
    log_init(&log, "audit", LOG_ERROR, LOG_TEXT);
    r = load(&audit, &settings, &servers, argc, argv, &err);
    if (r > 0)
        return EXIT_RIGHT;
    if (r == 0)
        r = run(&audit, &servers, &log, &err);
    if (r == 0) {
        audit_print(&audit);
        status = audit.differences.total ? EXIT_DIFFERS : EXIT_RIGHT;
    } else {
        fprintf(stderr, "sluice audit: %s\n", err.len ? err.ptr : "out of memory");
    }
    release(&audit);
    return status;
}
