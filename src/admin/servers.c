#include "admin/servers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "service/settings_table.h"

#define CONNECT_TIMEOUT_USEC (5 * UINT64_C(1000000))

const char *const server_consumers[SOURCE_COUNT] = {
    [SOURCE_FACEBOOK] = "fb-collector",
    [SOURCE_TIKTOK] = "ttk-collector",
};

static bool is_default(const char *name, const char *value)
{
    for (size_t i = 0; i < settings_option_count; i++)
        if (strcmp(settings_options[i].name, name) == 0)
            return strcmp(settings_options[i].default_text, value) == 0;
    return false;
}

static int take_target(const struct target *t, struct servers *ret, struct strbuf *err)
{
    if (!t->nats_url[0] || !t->database_url[0]) {
        strbuf_setf(err,
                    "%s/run/stack.env cannot be read: run it as the stack's owner or with sudo",
                    t->data);
        return -ENOENT;
    }
    (void)snprintf(ret->nats_url, sizeof(ret->nats_url), "%s", t->nats_url);
    (void)snprintf(ret->database_url, sizeof(ret->database_url), "%s", t->database_url);
    return 0;
}

int servers_find(const char *data, const struct settings *settings, struct servers *ret,
                 struct strbuf *err)
{
    bool named = !is_default("NATS_URL", settings->nats_url) ||
                 !is_default("DATABASE_URL", settings->database_url);
    struct target target = { 0 };
    int r = 0;

    if (data || !named)
        r = target_look(data ? data : "var", &target, err);
    if (r < 0)
        return r;
    if (target.running)
        return take_target(&target, ret, err);
    if (data) {
        strbuf_setf(err, "no stack runs in %s", data);
        return -ENOENT;
    }
    if (strlen(settings->nats_url) >= TARGET_TEXT_MAX ||
        strlen(settings->database_url) >= TARGET_TEXT_MAX) {
        strbuf_setf(err, "NATS_URL or DATABASE_URL is longer than %d bytes", TARGET_TEXT_MAX - 1);
        return -ENAMETOOLONG;
    }
    (void)snprintf(ret->nats_url, sizeof(ret->nats_url), "%s", settings->nats_url);
    (void)snprintf(ret->database_url, sizeof(ret->database_url), "%s", settings->database_url);
    return 0;
}

int servers_open_bus(const struct servers *s, const char *name, struct log *log,
                     struct bus **ret_bus, struct strbuf *err)
{
    const struct bus_options options = {
        .url = s->nats_url,
        .name = name,
        .log = log,
        .connect_timeout_usec = CONNECT_TIMEOUT_USEC,
    };
    _cleanup_(bus_closep) struct bus *bus = NULL;
    int r = bus_open(&options, &bus, err);

    if (r < 0)
        return r;
    if (!bus_wait_connected(bus, CONNECT_TIMEOUT_USEC)) {
        strbuf_setf(err, "the NATS server does not answer: start it (sluice up starts one), or set "
                         "NATS_URL");
        return -ENOTCONN;
    }
    *ret_bus = TAKE_PTR(bus);
    return 0;
}

static struct db *new_db(const struct servers *s, const char *name, bool read_only)
{
    return db_new(&(struct db_options){
        .url = s->database_url,
        .application_name = name,
        .connect_timeout_usec = CONNECT_TIMEOUT_USEC,
        .read_only = read_only,
    });
}

struct db *servers_new_db(const struct servers *s, const char *name)
{
    return new_db(s, name, false);
}

struct db *servers_new_reader(const struct servers *s, const char *name)
{
    return new_db(s, name, true);
}
