/*
 * sluice doctor: looks at the machine and at the stack that runs on it, and says how to mend what
 * is not well. What it looks at: the running stack of --data; else the servers that NATS_URL and
 * DATABASE_URL name; else, whether a stack could be started here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/doctor/checks.h"
#include "admin/target.h"
#include "base/number.h"
#include "service/settings.h"

#define PORT_BASE 3000
#define PORT_BASE_MAX 65528

enum { FLAG_DATA, FLAG_PORT_BASE, FLAG_JSON, FLAG_END };

struct doctor {
    struct settings settings;
    struct target target;
    uint32_t port_base;
    bool json;
};

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && value[0];
}

static int load(struct doctor *d, int argc, char **argv, struct strbuf *err)
{
    struct settings_flag flags[] = {
        [FLAG_DATA] = { "--data", "DIR", "the stack's data directory (default var)", NULL },
        [FLAG_PORT_BASE] = { "--port-base", "N",
                             "the first port, where no stack runs in DIR (default 3000)", NULL },
        [FLAG_JSON] = { "--json", NULL, "print a list of {check, state, detail, mend}", NULL },
        [FLAG_END] = { NULL, NULL, NULL, NULL },
    };
    const struct settings_command command = {
        .usage = "sluice doctor [flags]",
        .about = "Checks this machine and the stack: packages, ports, disk, JetStream, database, "
                 "processes. Says how to mend what is not well; exits 1 when something must be.",
        .flags = flags,
    };
    int r = settings_load(&d->settings, ROLE_ADMIN, &argc, argv, &command, err);

    if (r != 0)
        return r;
    d->json = flags[FLAG_JSON].value != NULL;
    d->port_base = PORT_BASE;
    if (flags[FLAG_PORT_BASE].value &&
        (parse_u32(span_str(flags[FLAG_PORT_BASE].value), &d->port_base) < 0 || d->port_base == 0 ||
         d->port_base > PORT_BASE_MAX)) {
        strbuf_setf(err, "--port-base=%s: takes a port from 1 to %d", flags[FLAG_PORT_BASE].value,
                    PORT_BASE_MAX);
        return -EINVAL;
    }
    return target_look(flags[FLAG_DATA].value ? flags[FLAG_DATA].value : "var", &d->target, err);
}

static void check_stack(struct findings *f, const struct doctor *d)
{
    check_processes(f, &d->target);
    if (d->target.nats_url[0] == '\0')
        findings_add(f, FINDING_WARN, "stack", "run the doctor as the stack's owner or with sudo",
                     "%s/run/stack.env cannot be read: JetStream and the database are not looked "
                     "at",
                     d->target.data);
    if (d->target.nats_url[0])
        check_bus(f, d->target.nats_url);
    if (d->target.database_url[0])
        check_database(f, d->target.database_url);
}

static void check_servers(struct findings *f, const struct doctor *d)
{
    static const char *const roles[] = { "gateway", "fb-collector", "ttk-collector", "reporter" };

    check_bus(f, d->settings.nats_url);
    check_database(f, d->settings.database_url);
    for (uint32_t i = 0; i < ARRAY_SIZE(roles); i++) {
        char mend[96];

        (void)snprintf(mend, sizeof(mend), "sluice %s starts it; its log says what is wrong",
                       roles[i]);
        check_role(f, roles[i], d->port_base + i, mend);
    }
}

static int examine(const struct doctor *d)
{
    struct findings f;
    int status;

    findings_init(&f, d->json);
    check_packages(&f);
    check_disk(&f, access(d->target.data, F_OK) == 0 ? d->target.data : ".");
    check_memory(&f);
    check_descriptors(&f);
    if (d->target.running) {
        check_stack(&f, d);
    } else if (is_set("NATS_URL") || is_set("DATABASE_URL")) {
        check_servers(&f, d);
    } else {
        check_ports_free(&f, d->port_base);
        findings_add(&f, FINDING_FAIL, "stack",
                     "sluice up starts one; or set NATS_URL and DATABASE_URL to look at servers "
                     "of your own",
                     "no stack runs in %s", d->target.data);
    }
    status = findings_finish(&f);
    findings_release(&f);
    return status;
}

int admin_doctor(int argc, char **argv)
{
    struct doctor d = { .port_base = PORT_BASE };
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, 4096);
    r = load(&d, argc, argv, &err);
    if (r < 0)
        fprintf(stderr, "sluice doctor: %s\n", err.ptr);
    r = r < 0 ? 2 : r > 0 ? 0 : examine(&d);
    settings_release(&d.settings);
    return r;
}
