/* From the command line to a stack that could start its first process: settings, data directory,
 * leftovers, ports, and then the end of root's rights. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/dotenv.h"
#include "stack/leftovers.h"
#include "stack/logs.h"
#include "stack/nats_server.h"
#include "stack/supervisor.h"

/* The roles run in the data directory, where there is no .env: what the one here says is given to
 * them in their environment. The environment itself wins, as everywhere. */
static int take_dotenv(struct strbuf *err)
{
    struct dotenv file;
    int r;

    dotenv_init(&file);
    r = dotenv_read(&file, ".env", err);
    if (r == -ENOENT)
        r = 0;
    for (size_t i = 0; r == 0 && i < file.count; i++) {
        const struct dotenv_entry *e = &file.entries[i];
        _cleanup_free_ char *key = strndup(e->key.ptr, e->key.len);
        _cleanup_free_ char *value = strndup(e->value.len ? e->value.ptr : "", e->value.len);

        /* the later of two equal keys wins */
        if (!key || !value)
            r = -ENOMEM;
        else if (dotenv_find(&file, key) == e && setenv(key, value, /* overwrite= */ 0) < 0)
            r = -errno;
    }
    dotenv_release(&file);
    return r;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

static bool is_served_host(const char *host)
{
    static const char *const hosts[] = { "127.0.0.1", "localhost", "0.0.0.0", "::" };

    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
        if (strcmp(host, hosts[i]) == 0)
            return true;
    return false;
}

static int load_settings(struct supervisor *s, struct strbuf *err)
{
    static const struct settings_command command = { .usage = "sluice up", .about = "" };
    char *argv[] = { (char *)"up", NULL };
    int argc = 1;
    int r = take_dotenv(err);

    if (r == 0)
        r = settings_load(&s->site.settings, ROLE_STACK, &argc, argv, &command, err);
    if (r < 0)
        return r;
    if (is_set("PORT")) {
        strbuf_setf(err, "PORT is set, and it can be the port of a single role only; unset it and "
                         "move all ports of the stack with --port-base N");
        return -EINVAL;
    }
    if (!is_served_host(s->site.settings.host)) {
        strbuf_setf(err,
                    "HOST=%s: a whole stack listens on 127.0.0.1 or on every address (0.0.0.0)",
                    s->site.settings.host);
        return -EINVAL;
    }
    strbuf_reset(err); /* a missing .env is none */
    s->site.own_nats = !is_set("NATS_URL");
    s->site.own_postgres = !is_set("DATABASE_URL");
    teller_init(&s->teller, (enum log_level)s->site.settings.log_level,
                (enum log_format)s->site.settings.log_format);
    return nats_server_check_settings(&s->site, err);
}

static int claim(struct supervisor *s, struct strbuf *err)
{
    struct layout *layout = &s->site.layout;
    int r = layout_claim(layout, s->site.options.data, &s->site.identity, err);
    pid_t pid = r == -EEXIST ? leftovers_supervisor(layout->dir_fd, NULL) : 0;

    if (pid)
        (void)strbuf_addf(err, " (pid %d); sluice down --data %s stops it", (int)pid,
                          s->site.options.data);
    return r;
}

static int stop_leftovers(void *ctx)
{
    const struct layout *layout = ctx;

    return MIN(leftovers_stop(layout->dir_fd), 100);
}

static int clear_leftovers(struct supervisor *s, struct strbuf *err)
{
    int count = identity_run(&s->site.identity, stop_leftovers, &s->site.layout, err);

    if (count > 0)
        tell(&s->teller, LOG_WARN, "leftovers.stopped",
             "stopped what an earlier supervisor had left running", KV_INT("processes", count));
    return MIN(count, 0);
}

static int open_log(struct supervisor *s, struct strbuf *err)
{
    int r = logs_open(s->site.layout.dir_fd, "supervisor", &s->teller.file.fd);

    if (r < 0)
        strbuf_setf(err, "%s/log/supervisor.log: %s", s->site.layout.shown, strerror(-r));
    return r;
}

int supervisor_setup(struct supervisor *s, struct strbuf *err)
{
    struct site *site = &s->site;
    int r = load_settings(s, err);

    (void)umask(077);
    if (r == 0)
        r = claim(s, err);
    if (r == 0)
        r = nats_server_check_directory(site, err);
    if (r == 0)
        r = clear_leftovers(s, err);
    if (r == 0)
        r = plan_claim_ports(&s->plan, site, &s->teller, err);
    if (r == 0)
        r = site_open_program(site, err);
    if (r == 0)
        r = identity_become(&site->identity, err);
    if (r == 0)
        r = layout_enter(&site->layout, err);
    if (r == 0)
        r = open_log(s, err);
    if (r == 0)
        r = site_settle_urls(site, err);
    if (r == 0 && site->own_nats)
        r = nats_server_setup(site, &s->teller, err);
    return r;
}
